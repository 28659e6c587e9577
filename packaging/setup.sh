#!/bin/bash
# Configures build/VARIANT, unless it is: packaging/setup.sh VARIANT [meson options...]
#
#   release   gcc, optimized, warnings do not stop the build (a newer compiler has new ones)
#   asan      gcc, AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan      gcc, ThreadSanitizer
#   clang     clang, optimized
#   fuzz      clang, libFuzzer
#   wasm      clang, WebAssembly: the core, the book and the page's module
#
# A name may follow: asan-session is one more directory configured like asan.
set -euo pipefail
variant=$1
shift
cd "$(dirname "$0")/.."
# One that was configured for C alone cannot be told afterwards which C++ compiler goes with it.
if [ -e "build/$variant/build.ninja" ]; then
    [ "${variant%%-*}" != wasm ] && ! grep -q '^rule cpp_COMPILER' "build/$variant/build.ninja" || exit 0
    rm -rf "build/${variant:?}"
fi

deps=$(realpath -m "${SOTTO_DEPS:-build/deps}")
options=(-Dpkg_config_path="$deps/pkgconfig")
[ -z "${SYSTEM_DEPS:-}" ] || options=(-Dstatic_deps=false)
kind=${variant%%-*}
case $kind in
release) options+=(-Dwerror=false) ;;
asan) options+=(-Db_sanitize=address,undefined) ;;
tsan) options+=(-Db_sanitize=thread) ;;
clang) export CC=clang CXX=clang++ ;;
fuzz)
    export CC=clang CXX=clang++
    options+=(-Dfuzz=true)
    ;;
wasm)
    # Built by packaging/deps.sh also where the program takes the system's libraries.
    mkdir -p build
    cat >"build/$variant.ini" <<INI
[binaries]
exe_wrapper = ['node', '--no-warnings', '$PWD/tests/wasm/run.mjs']
[built-in options]
c_link_args = ['-fuse-ld=$PWD/packaging/wasm-ld.sh', '-lwasi-emulated-getpid']
INI
    options=(--cross-file packaging/wasm.ini --cross-file "build/$variant.ini"
        -Dpkg_config_path="$deps/wasm/pkgconfig"
        -Dweights_dir="$deps/wasm/opus/weights")
    ;;
*)
    echo "setup: there is no variant '$variant'" >&2
    exit 1
    ;;
esac
[ "$kind" = clang ] || [ "$kind" = fuzz ] || export CC="${CC:-gcc}" CXX="${CXX:-g++}"

mkdir -p build
if ! meson setup "build/$variant" "${options[@]}" "$@" >"build/$variant.setup.log" 2>&1; then
    tail -n 20 "build/$variant.setup.log" >&2
    exit 1
fi
