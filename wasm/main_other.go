//go:build !js

package main

import "os"

func main() {
	os.Stderr.WriteString("This program runs in a web page. Build it with GOOS=js GOARCH=wasm, or with \"make build\".\n")
	os.Exit(2)
}
