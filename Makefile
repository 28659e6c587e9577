# A thin front of packaging/deps.sh and meson. `make help` lists what there is.
#
#   SYSTEM_DEPS=1   take OpenSSL, Opus, ngtcp2 and nghttp3 from the system (it must be new enough)
#   PAGE=no         without the page for browsers (no WebAssembly compiler, no node)
#   SOTTO_DEPS=DIR  where those libraries are built and looked for (build/deps)
#   PREFIX, DESTDIR for `make install`

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 300
SOTTO_DEPS ?= $(CURDIR)/build/deps
export SOTTO_DEPS SYSTEM_DEPS

DEPS = packaging/deps.sh $(if $(SYSTEM_DEPS),--system)
SETUP = packaging/setup.sh
# What people run; tests and benchmarks are built when they are wanted.
PROGRAMS = cli/sotto relay/daemon/sottod relay/push/sottod-push bench/likeness/likeness
SOURCES = git ls-files -co --exclude-standard '*.c' '*.h'

.DEFAULT_GOAL := all
PAGE_TARGET = $(if $(filter no,$(PAGE)),deps,page)

.PHONY: all deps page wasm run stop test check-quick bench bench-voice fuzz soak valgrind lint tidy format install clean help

all: $(PAGE_TARGET)        ## build sotto, sottod and the page into build/ (the default)
	@$(SETUP) release
	@ninja -C build/release $(PROGRAMS)
	@for p in cli/sotto relay/daemon/sottod; do \
	    if [ -x build/release/$$p ]; then ln -sfn release/$$p build/$${p##*/}; fi; done

deps:                      ## install and build what sotto is made of (once, about two minutes)
	@$(DEPS)

page:                      ## build the page for browsers into build/page
	@$(DEPS) --web
	@packaging/page.sh

run: all                   ## see it work: a relay, two people, and a telephone in your browser
	@python3 demo/story.py

stop:                      ## end the relay and the echo line that `make run` left running
	@python3 demo/story.py --stop

wasm:                      ## build the page's module, and the tests that run as WebAssembly
	@$(DEPS) --web
	@$(SETUP) wasm
	@ninja -C build/wasm

test:                      ## every test: built by gcc, with sanitizers, by clang, and as WebAssembly
	@$(DEPS) --test --web
	@packaging/page.sh
	@tests/run.sh release asan clang fuzz bench wasm

check-quick:               ## every test, with sanitizers only
	@$(DEPS) --test
	@tests/run.sh asan

valgrind: all              ## the unit tests under valgrind
	@meson test -C build/release --setup valgrind --suite unit

bench: all wasm            ## measure
	@meson test -C build/release --benchmark --verbose

bench-voice: all           ## voice on bad networks beside other telephones (half an hour; VOICE="--quick")
	@$(DEPS) --peers
	@ninja -C build/release bench/likeness/likeness bench/voice/voice_proxy
	@PYTHONDONTWRITEBYTECODE=1 python3 bench/voice/peers.py $(VOICE)

fuzz:                      ## fuzz each target for FUZZ_SECONDS (300)
	@$(DEPS) --test
	@$(SETUP) fuzz
	@ninja -C build/fuzz
	@fuzz/run.sh build/fuzz $(FUZZ_SECONDS)

soak: all                  ## the tests that take long
	@meson test -C build/release --setup soak --suite soak --verbose

lint:                      ## formatting and static checks
	@$(DEPS) --test
	@$(SETUP) release
	$(SOURCES) | xargs -r clang-format --dry-run -Werror
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --suppressions-list=packaging/cppcheck.txt --error-exitcode=1 \
	    --project=build/release/compile_commands.json -j2

tidy:                      ## clang-tidy (slow)
	@$(SETUP) clang
	git ls-files -co --exclude-standard '*.c' | xargs -r -P2 -n4 clang-tidy --quiet -p build/clang

format:                    ## format the C sources
	$(SOURCES) | xargs -r clang-format -i

install: all               ## install below PREFIX (/usr/local)
	@meson configure build/release -Dprefix=$(PREFIX)
	@meson install -C build/release --no-rebuild

clean:                     ## remove what was built, except the dependencies
	@rm -rf build/release build/asan build/clang build/tsan build/fuzz build/wasm build/page build/page-cache build/sotto build/sottod

help:                      ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "make %-12s %s\n", $$1, $$2 }'
