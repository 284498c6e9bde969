// The web server of the pages, as a product would set it up: everything in brotli, the page asked for again with its tag each
// time, what it loads kept for a year.

import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

const ROOT = fileURLToPath(new URL("../../../../../build/bench/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".wasm": "application/wasm" };
const REVALIDATE = "no-cache";
const KEEP = "public, max-age=31536000, immutable"; // the names of a product would carry a hash

/**
 * Serves build/bench on a free port of 127.0.0.1.
 * @param {string[]} libraries the folders that there are
 * @param {number} quality of brotli, 0 to 11
 */
export async function serveLibraries(libraries, quality) {
  const files = new Map((await Promise.all(libraries.map((library) => compressed(library, quality)))).flat());
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const file = files.get(pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    if (!file) return void response.writeHead(404).end();
    const known = request.headers["if-none-match"] === file.headers.ETag;
    response.writeHead(known ? 304 : 200, file.headers).end(known ? undefined : file.body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    /** The page of a library, at an address that is a site of its own in Chromium's eyes. */
    url: (site, library) => `http://${site}.localhost:${server.address().port}/${library}/`,
    close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
  };
}

/** The files of a folder by path. They are compressed beforehand, as files that do not change are. */
async function compressed(library, quality) {
  const names = (await readdir(join(ROOT, library))).filter((name) => extname(name) in TYPES);
  return Promise.all(names.map(async (name) => {
    const content = await readFile(join(ROOT, library, name));
    const body = await promisify(brotliCompress)(content, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
      },
    });
    const headers = {
      "Content-Type": TYPES[extname(name)], "Content-Encoding": "br", ETag: `"${createHash("sha256").update(content).digest("hex").slice(0, 16)}"`,
      "Cache-Control": extname(name) === ".html" ? REVALIDATE : KEEP,
      // Pages that are isolated have clocks of 5 µs.
      "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp",
    };
    return [`/${library}/${name}`, { body, headers }];
  }));
}
