# The one entry point. `make` or `make help` says what there is; .ci/ holds the
# scripts behind the longer targets.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help demo build test setup lint test-native test-trimmed test-wasm test-ts test-browser test-pack test-softphone interop interop-firefox fuzz soak bench bench-core size docs api clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

demo: ## the softphone on 127.0.0.1: Go is all it needs
	@go run -C examples ./softphone

build: ## wasm/npm/dist: the wasm, the JavaScript and its types
	@cd wasm/npm && npm run --silent build

test: ## install what is missing, then run everything below and print the time of each step
	@.ci/test

setup: ## install what the tests need: Debian packages, npm packages, staticcheck
	@.ci/setup

lint: ## gofmt, go vet and staticcheck, natively and for js/wasm
	@.ci/lint

test-native: ## Go tests with the race detector
	go test -race -timeout 5m ./...
	go test -C examples -race -timeout 5m ./...

# The copy of sipgo that the wasm is built with: examples/internal/webbuild/sipgo.go.
# Behind the tag stands its server half, which sipuatest needs.
test-trimmed: ## the user agent's Go tests with the copy of sipgo that the wasm is built with
	modfile=$$(go run -C examples ./build -modfile) && \
	go test -timeout 5m -modfile=$$modfile ./sipua/internal/... github.com/emiago/sipgo/sip && \
	go test -timeout 5m -modfile=$$modfile -tags=sipgo_server ./sipua/...

test-wasm: ## the same as WebAssembly in Node; SHRINK=1 rewrites the programs as the page's wasm is
	modfile=$$(go run -C examples ./build -modfile) && GOOS=js GOARCH=wasm \
	go test -timeout 5m -modfile=$$modfile -tags=sipgo_server -exec "$(CURDIR)/.ci/wasm-exec" ./sipua/... ./wasm/...

test-ts: build ## TypeScript: type check and unit tests
	@cd wasm/npm && npm run --silent check && NODE_OPTIONS=--test-reporter=spec npm run --silent test

test-browser: build ## the npm package in Chromium: bad input, denied devices, two user agents
	@go run -C examples ./benchbuild # while the network is there
	@.ci/netns node --test --test-reporter=spec --test-concurrency=1 --test-timeout=120000 wasm/npm/test/browser/*.test.mjs

test-pack: build ## the npm tarball in fresh projects: Vite, webpack, esbuild, <script>, and the README's first lines
	@.ci/netns node --test --test-reporter=spec --test-concurrency=1 --test-timeout=120000 wasm/npm/test/pack/*.test.mjs

test-softphone: build ## the demo in Chromium, as its visitor sees it
	@go build -C examples -o /dev/null ./softphone # while the network is there
	@.ci/netns node --test --test-reporter=spec --test-concurrency=1 --test-timeout=300000 examples/softphone/*.test.mjs

interop: build ## calls with JsSIP, SIP.js and sipwasm itself through Kamailio
	@go run -C examples ./interopbuild
	@.ci/netns node wasm/npm/test/interop/run.mjs

interop-firefox: build ## the same in Firefox, and between Firefox and Chromium
	@go run -C examples ./interopbuild
	@.ci/netns node wasm/npm/test/interop/run.mjs firefox

soak: build ## lost connections and calls by the thousand, natively and in a page (not part of test)
	SOAK=1000 go test -count=1 -timeout 10m -v -run '^TestSoak' ./sipua
	@.ci/netns node wasm/npm/test/soak.mjs

fuzz: ## look for input that breaks a parser, 60 s for each target (not part of test)
	@.ci/fuzz

bench: build ## pages of sipwasm, JsSIP and SIP.js side by side in Chromium, some 11 minutes (not part of test)
	@go run -C examples ./benchbuild
	@.ci/netns node wasm/npm/test/bench/browser/run.mjs

bench-core: build ## messages per second: native, wasm, JsSIP, SIP.js (not part of test)
	@.ci/bench-core

size: ## what the wasm is made of and its size; fails when it is over its budget
	@go run -C examples ./build -size

docs: build ## build/docs: the pages of the TypeScript API
	@cd wasm/npm/tools && npx --no-install typedoc

api: build ## take over a change of the TypeScript API into testdata/api, which test-ts compares it with
	@mkdir -p testdata/api && cp wasm/npm/dist/index.d.ts testdata/api/sipwasm.d.ts

clean: ## delete what was built and logged
	rm -rf build wasm/npm/dist examples/softphone/dist
