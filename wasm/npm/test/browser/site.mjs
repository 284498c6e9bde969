// A web server whose every answer a test decides, on http or https.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".json": "application/json",
  ".wasm": "application/wasm", ".gz": "application/gzip",
};

/** The answer that is a file of a folder; undefined when it has none of that name. */
export function fileOf(folder, path) {
  const file = join(folder, normalize(path.endsWith("/") ? `${path}index.html` : path));
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined;
  return { type: TYPES[extname(file)] ?? "application/octet-stream", body: readFileSync(file) };
}

/**
 * Serves on a free port of 127.0.0.1 until the test is over.
 * @param answer gets the path and gives { status, type, csp, body }, or undefined for 404
 * @returns the origin
 */
export async function serveSite(t, answer, { secure = false } = {}) {
  const handle = (request, response) => {
    const { status = 200, type, csp, body } = answer(new URL(request.url, "http://localhost").pathname) ?? { status: 404 };
    response.writeHead(status, { ...(type && { "Content-Type": type }), ...(csp && { "Content-Security-Policy": csp }), "Access-Control-Allow-Origin": "*" });
    response.end(body);
  };
  const server = secure ? createSecureServer(certificate(), handle) : createServer(handle);
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  t.after(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }));
  return `${secure ? "https" : "http"}://127.0.0.1:${server.address().port}`;
}

function certificate() {
  const directory = mkdtempSync(join(tmpdir(), "site-"));
  try {
    const [key, cert] = ["key.pem", "certificate.pem"].map((name) => join(directory, name));
    execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], { stdio: ["ignore", "ignore", "pipe"] });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
