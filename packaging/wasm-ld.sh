#!/bin/bash
# wasm-ld for meson, which takes every linker of LLVM for the one of ELF and hands it options that this
# one does not know. Nothing is lost: it finds symbols in archives whatever their order.
args=()
for arg in "$@"; do
    case $arg in
    --start-group | --end-group | --as-needed | --no-undefined) ;;
    *) args+=("$arg") ;;
    esac
done
exec wasm-ld "${args[@]}"
