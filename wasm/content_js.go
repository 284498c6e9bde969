package main

import (
	"syscall/js"
	"unicode/utf8"

	"github.com/sipwasm/sipwasm/sipua"
)

// readContent reads contentType and body. A body is text or bytes, of which the
// facade makes an Uint8Array of its own; what is neither is refused, so that no
// "[object Object]" goes out.
func readContent(args js.Value, op string) (contentType string, body []byte, err error) {
	contentType = text(args, "contentType")
	switch v := args.Get("body"); {
	case v.IsUndefined() || v.IsNull():
	case v.Type() == js.TypeString:
		body = []byte(v.String())
	case v.InstanceOf(js.Global().Get("Uint8Array")): // CopyBytesToGo panics for anything else
		body = make([]byte, v.Length())
		js.CopyBytesToGo(body, v)
	default:
		err = &sipua.Error{Op: op, Code: sipua.CodeInvalidArgument, Reason: "body wants a string or a Uint8Array"}
	}
	return contentType, body, err
}

// withContent adds contentType and body to a payload, and bytes where the body
// is no UTF-8: body is then what can be shown of it.
func withContent(o map[string]any, contentType string, body []byte) map[string]any {
	o["contentType"], o["body"] = contentType, string(body)
	if !utf8.Valid(body) {
		array := js.Global().Get("Uint8Array").New(len(body))
		js.CopyBytesToJS(array, body)
		o["bytes"] = array
	}
	return o
}
