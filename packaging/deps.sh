#!/bin/bash
# Puts in place everything that sotto is built from. `make deps` runs it.
#
#   packaging/deps.sh             Debian packages, then OpenSSL, Opus, ngtcp2 and nghttp3, and on Debian 12
#                                 WebRTC's audio processing
#   packaging/deps.sh --test      the same, and what only the tests need
#   packaging/deps.sh --web       the same, and what the page needs: a compiler for WebAssembly, and
#                                 OpenSSL, Opus, jansson and cmocka built by it
#   packaging/deps.sh --peers     the same, and the telephones and the recogniser of make bench-voice
#   packaging/deps.sh --system    build nothing: check that the system's own libraries are new enough
#   packaging/deps.sh --source PACKAGE DIR [MINIMUM]
#                                 unpack a newer suite's source package, patched, into DIR
#
# Debian 12 has OpenSSL 3.0 and Opus 1.3, too old for us, so those come from Debian 13's packages:
# apt reads that suite into a directory of ours. The system's own sources stay untouched, the
# mirror is the configured one, and every signature is checked. Results go to
# ${SOTTO_DEPS:-build/deps}: one directory for each library, .pc files in pkgconfig/, logs in log/.
# What is for WebAssembly lies in wasm/, with .pc files of its own.
# A library is built again only if its recipe below has changed.
set -euo pipefail

# 3.5.7-1~deb13u2 is the first with the fix for CVE-2026-14457, a crash in raw-public-key sessions.
OPENSSL_MIN='3.5.7-1~deb13u2'
OPUS_MIN='1.5.2'
NGTCP2_MIN='1.12'
NGHTTP3_MIN='1.6'
JANSSON_MIN='2.14'
CMOCKA_MIN='1.1'

NEWER='trixie'
DEBIAN_KEYRING='/usr/share/keyrings/debian-archive-keyring.gpg'

BUILD_PACKAGES='build-essential dpkg-dev meson ninja-build pkg-config ca-certificates
    pocketsphinx-testdata
    libcmocka-dev libcubeb-dev libcurl4-gnutls-dev libinih-dev libjansson-dev libncurses-dev libqrencode-dev
    libseccomp-dev libspeexdsp-dev libsqlite3-dev libuv1-dev libwebrtc-audio-processing-dev libwslay-dev'
TEST_PACKAGES='chromium clang clang-format clang-tidy cppcheck dbus-daemon iproute2 libglib2.0-bin llvm openssl
    pulseaudio pulseaudio-utils python3-dbusmock valgrind'
WEB_PACKAGES='clang lld llvm wasi-libc'
PEER_PACKAGES='baresip-core chromium pocketsphinx pocketsphinx-en-us'

repo=$(cd "$(dirname "$0")/.." && pwd)
prefix=${SOTTO_DEPS:-$repo/build/deps}
jobs=$(nproc)
logs=$prefix/log
work=''
apt_options=()

# --- messages ------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }
# For the reader, also from inside a recipe whose output goes to a log.
exec 3>&1
progress() { printf '        %s\n' "$*" >&3; }
die() {
    printf 'deps: %s\n' "$*" >&2
    exit 1
}

# --- packages of the system itself ---------------------------------------------------------------

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# The packages among the arguments that are not installed, one a line.
missing() {
    local known
    # dpkg-query fails for names that it has never heard of: those are missing too.
    known=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    printf '%s\n' "$@" | awk -v known="$known" '
        BEGIN { n = split(known, l, "\n"); for (i = 1; i <= n; i++) if (l[i] ~ /^installed /) have[substr(l[i], 11)] = 1 }
        !($0 in have)'
}

# The major version of Debian's clang, installed or to be installed: "14" on Debian 12.
clang_major() {
    local path
    path=$(readlink -f /usr/bin/clang 2>/dev/null || true)
    case $path in
    */llvm-*/*)
        path=${path#*/llvm-}
        say "${path%%/*}"
        ;;
    *) apt-cache show clang | sed -n 's/^Version: \(.*:\)\?\([0-9]*\).*/\2/p' | head -1 ;;
    esac
}

install_packages() {
    local want=($BUILD_PACKAGES) lack
    [ -z "$with_test" ] || want+=($TEST_PACKAGES)
    [ -z "$with_web" ] || want+=($WEB_PACKAGES)
    [ -z "$with_peers" ] || want+=($PEER_PACKAGES)
    if [ -n "$with_test$with_web$with_peers" ]; then
        # Any node will do, from wherever it came.
        command -v node >/dev/null || want+=(nodejs)
        command -v npm >/dev/null || want+=(npm)
    fi
    lack=$(missing "${want[@]}")
    if [ -n "$lack" ]; then
        apt_install $lack
    fi
    # The compiler's runtime libraries have its version in their names.
    lack=()
    [ -z "$with_test" ] || lack+=("libclang-rt-$(clang_major)-dev")
    [ -z "$with_web" ] || lack+=("libclang-rt-$(clang_major)-dev-wasm32")
    if [ ${#lack[@]} -gt 0 ]; then
        lack=$(missing "${lack[@]}")
        [ -z "$lack" ] || apt_install $lack
    fi
}

apt_install() {
    say "packages: installing $*"
    logged packages as_root apt-get update
    logged packages as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@"
}

# logged NAME COMMAND...: runs it with its output in log/NAME.log, shown if it fails.
logged() {
    local name=$1
    shift
    if ! "$@" >>"$logs/$name.log" 2>&1; then
        tail -n 25 "$logs/$name.log" >&2
        die "$name: '$*' failed; the whole log is $logs/$name.log"
    fi
}

# --- packages of a newer suite -------------------------------------------------------------------

# Opens the newer suites to apt_newer. Called by whatever needs them, done once.
open_newer() {
    [ ${#apt_options[@]} -eq 0 ] || return 0
    local d=$work/apt uris main security
    mkdir -p "$d/lists/partial" "$d/cache/archives/partial" "$d/parts"
    # apt's own list of what it would download, so that every form of sources file is understood.
    uris=$(apt-get -o Dir::State::Lists="$d/lists" update --print-uris |
        sed -n "s|^'\(.*\)/dists/\([^/']*\)/.*|\1 \2|p")
    . /etc/os-release
    main=$(awk -v s="${VERSION_CODENAME:-}" '$2 == s { print $1; exit }' <<<"$uris")
    security=$(awk -v s="${VERSION_CODENAME:-}-security" '$2 == s { print $1; exit }' <<<"$uris")
    [ "${ID:-}" = debian ] && [ -n "$main" ] ||
        die "this is not a Debian with a mirror of its own suite in apt's sources; install OpenSSL >= 3.5.7," \
            "Opus >= $OPUS_MIN, ngtcp2 >= $NGTCP2_MIN (with crypto_ossl) and nghttp3 >= $NGHTTP3_MIN, then use SYSTEM_DEPS=1"
    newer_suite "$main" "$NEWER $NEWER-updates $NEWER-backports" >"$d/parts/newer.sources"
    [ -z "$security" ] || newer_suite "$security" "$NEWER-security" >>"$d/parts/newer.sources"
    # Lowest priority, by name only: where the suites above do not deliver a package.
    newer_suite "$main" sid >"$d/parts/unstable.sources"
    apt_options=(-o Dir::State::Lists="$d/lists" -o Dir::Cache="$d/cache" -o Dir::Etc::SourceList=/dev/null
        -o Dir::Etc::SourceParts="$d/parts" -o Dir::Etc::Preferences=/dev/null
        -o Dir::Etc::PreferencesParts=/dev/null -o APT::Sandbox::User= -o Acquire::Retries=2
        -o Acquire::Languages=none)
    progress "reading Debian $NEWER's package lists from $main"
    if ! apt_newer update >>"$logs/apt.log" 2>&1 && grep -q NO_PUBKEY "$logs/apt.log"; then
        # An old keyring without the newer suite's keys. The system's own suite has an update of it.
        apt_install debian-archive-keyring
        apt_newer update >>"$logs/apt.log" 2>&1
    fi
    grep -q . <(apt_newer indextargets --format '$(FILENAME)' "Created-By: Sources") ||
        { tail -n 15 "$logs/apt.log" >&2; die "apt could not read Debian $NEWER's lists; see $logs/apt.log"; }
}

newer_suite() {
    printf 'Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
        "$1" "$2" "$DEBIAN_KEYRING"
}

apt_newer() {
    local command=$1
    shift
    case $command in
    showsrc | madison) apt-cache "${apt_options[@]}" "$command" "$@" ;;
    *) apt-get "${apt_options[@]}" "$command" "$@" ;;
    esac
}

# versions KIND PACKAGE MINIMUM: what the suites offer that is new enough, best first. The stable
# suite's come before unstable's: those are the ones with long support.
versions() {
    apt_newer madison "$2" | awk -F ' *[|] *' -v kind="$1" '
        ($3 ~ / Sources$/) == (kind == "source") { print ($3 ~ / sid\//), $2 }' | sort -u |
        while read -r unstable version; do
            if dpkg --compare-versions "$version" ge "$3"; then say "$unstable $version"; fi
        done | sort -k1,1n -k2,2Vr | awk '{ print $2 }'
}

# source_package PACKAGE DIR MINIMUM: unpacks the newest one that the mirror delivers (a list can name a file
# that answers 404) into DIR and prints its version.
source_package() {
    local name=$1 dir=$2 minimum=$3 version d=$work/source-$1
    open_newer
    mkdir -p "$d"
    for version in $(versions source "$name" "$minimum"); do
        if (cd "$d" && apt_newer source --download-only "$name=$version") >>"$logs/$name.log" 2>&1 &&
            dpkg-source --no-check -x "$d/${name}_${version#*:}.dsc" "$dir" >>"$logs/$name.log" 2>&1; then
            say "$version"
            return 0
        fi
        progress "$name $version is listed but could not be had; trying the next one"
    done
    die "no source package of $name >= $minimum could be had; see $logs/$name.log"
}

# binary_package PACKAGE DIR MINIMUM: the same for a binary package; returns 1 if there is none.
binary_package() {
    local name=$1 dir=$2 minimum=$3 version d=$work/binary-$1
    open_newer
    mkdir -p "$d"
    for version in $(versions binary "$name" "$minimum"); do
        if (cd "$d" && apt_newer download "$name=$version") >>"$logs/$name.log" 2>&1; then
            dpkg-deb -x "$d"/"$name"_*.deb "$dir"
            say "$version"
            return 0
        fi
        progress "$name $version is listed but could not be had; trying the next one"
    done
    return 1
}

# --- the recipes: each fills $out, which then becomes $prefix/NAME -------------------------------

# What no layer of ours uses of OpenSSL, one flag a line.
openssl_flags() {
    local flags=(
        # Only libraries, static; nothing that is loaded or configured at run time.
        no-shared no-apps no-tests no-docs no-module no-legacy no-dso no-engine no-autoload-config
        no-ui-console
        # TLS 1.3 only, and of it what raw public keys, certificates and QUIC use.
        no-ssl3 no-tls1 no-tls1_1 no-tls1_2 no-dtls no-comp no-psk no-srp no-srtp no-nextprotoneg
        no-ssl-trace no-weak-ssl-ciphers
        # Protocols beside TLS.
        no-cmp no-cms no-ct no-http no-ocsp no-rfc3779 no-ts
        # Algorithms that no layer of ours names.
        no-aria no-bf no-camellia no-cast no-des no-dh no-dsa no-ec2m no-gost no-idea no-md4 no-mdc2
        no-ocb no-rc2 no-rc4 no-rmd160 no-seed no-siphash no-siv no-slh-dsa no-sm2 no-sm3 no-sm4
        no-whirlpool
    )
    printf '%s\n' "${flags[@]}"
}

recipe_openssl() {
    local src=$work/openssl-src version flags=()
    version=$(source_package openssl "$src" "$OPENSSL_MIN")
    progress "OpenSSL $version: compiling (about 90 s on two cores)"
    flags=($(openssl_flags))
    # Fast constant-time P-256, P-384 and P-521 in C need 128-bit integers and little endian.
    case $(dpkg --print-architecture) in amd64 | arm64 | ppc64el | riscv64) flags+=(enable-ec_nistp_64_gcc_128) ;; esac
    cd "$src"
    # These flags end up in the library as a string: no paths in them, and no -g, which has some.
    ./Configure --prefix=/usr --libdir=lib --openssldir=/etc/ssl "${flags[@]}" \
        -O2 -fPIC -fstack-protector-strong -ffunction-sections -fdata-sections -D_FORTIFY_SOURCE=2
    make -j"$jobs" build_libs
    make DESTDIR="$work/openssl-dest" install_dev
    mv "$work/openssl-dest/usr" "$out"
    echo "$version" >"$out/VERSION"
}

recipe_opus() {
    local src=$work/opus-src version
    version=$(source_package opus "$src" "$OPUS_MIN")
    progress "Opus $version: compiling (about 15 s)"
    cd "$src"
    # The neural networks' weights are C files of some megabytes in the source package itself.
    for weights in fargan plc dred_rdovae_enc dred_rdovae_dec pitchdnn lace nolace; do
        [ -s "dnn/${weights}_data.c" ] || {
            echo "dnn/${weights}_data.c is not in the source package"
            return 1
        }
    done
    ./configure --prefix=/usr --disable-shared --enable-static --with-pic \
        --enable-dred --enable-deep-plc --enable-osce --disable-doc --disable-extra-programs \
        CFLAGS='-O2 -fstack-protector-strong -ffunction-sections -fdata-sections -D_FORTIFY_SOURCE=2'
    make -j"$jobs"
    make DESTDIR="$work/opus-dest" install
    mv "$work/opus-dest/usr" "$out"
    echo "$version" >"$out/VERSION"
}

# ngtcp2 and nghttp3: ready-made static libraries, or else their sources.
recipe_ngtcp2() {
    local root=$work/ngtcp2-root version
    if version=$(binary_package libngtcp2-dev "$root" "$NGTCP2_MIN") &&
        binary_package libngtcp2-crypto-ossl-dev "$root" "$NGTCP2_MIN" &&
        binary_package libnghttp3-dev "$root" "$NGHTTP3_MIN" &&
        mkdir -p "$out" && mv "$root/usr/include" "$out/include" && mv "$root"/usr/lib/*-linux-gnu* "$out/lib" &&
        rm -f "$out"/lib/*.so && quic_links; then
        echo "$version" >"$out/VERSION"
        return 0
    fi
    progress "no ready-made ngtcp2 fits this machine: compiling its source"
    rm -rf "$out"
    mkdir -p "$out"
    [ -x "$(command -v cmake)" ] || apt_install cmake
    source_package nghttp3 "$work/nghttp3-src" "$NGHTTP3_MIN"
    quic_cmake nghttp3
    version=$(source_package ngtcp2 "$work/ngtcp2-src" "$NGTCP2_MIN")
    quic_cmake ngtcp2 -DENABLE_OPENSSL=ON -DENABLE_GNUTLS=OFF -DOPENSSL_USE_STATIC_LIBS=TRUE \
        -DOPENSSL_ROOT_DIR="$prefix/openssl"
    quic_links
    echo "$version" >"$out/VERSION"
}

quic_cmake() {
    local name=$1
    shift
    cmake -S "$work/$name-src" -B "$work/$name-build" -DENABLE_LIB_ONLY=ON -DENABLE_STATIC_LIB=ON \
        -DENABLE_SHARED_LIB=OFF -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_INSTALL_PREFIX="$out" \
        -DCMAKE_INSTALL_LIBDIR=lib "$@"
    cmake --build "$work/$name-build" -j "$jobs"
    cmake --install "$work/$name-build"
}

# A library from a newer system can want a newer libc: link one program before believing it.
quic_links() {
    cat >"$work/quic.c" <<'C'
#include <nghttp3/nghttp3.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>
int main(void)
{
    ngtcp2_crypto_ossl_ctx *ctx = NULL;
    nghttp3_qpack_decoder *decoder = NULL;
    return ngtcp2_version(NGTCP2_VERSION_NUM) == NULL || ngtcp2_crypto_ossl_init() != 0 ||
           ngtcp2_crypto_ossl_ctx_new(&ctx, NULL) != 0 ||
           nghttp3_qpack_decoder_new(&decoder, 0, 0, nghttp3_mem_default()) != 0;
}
C
    cc -o "$work/quic" "$work/quic.c" -I"$out/include" -I"$prefix/openssl/include" -L"$out/lib" \
        -L"$prefix/openssl/lib" -lngtcp2_crypto_ossl -lngtcp2 -lnghttp3 -lssl -lcrypto -ldl -pthread &&
        "$work/quic"
}

# WebRTC's audio processing with its third echo canceller: Debian 12 has it only inside Telegram
# Desktop's library. The package asks for FFmpeg's and X11's headers, which we do not need: it is
# unpacked here, not installed. The linker takes the audio processing out of it (1 MB).
recipe_tg_owt() {
    local d=$work/tg_owt lib
    mkdir -p "$d/root"
    cd "$d"
    # apt's lists may be old, or gone.
    apt-get download libtgowt-dev libabsl-dev || {
        as_root apt-get update
        apt-get download libtgowt-dev libabsl-dev
    }
    for lib in libtgowt-dev libabsl-dev; do
        dpkg-deb -x "$lib"_*.deb root
    done
    lib=$(dirname "$(find root -name libtg_owt.a)")
    mkdir -p "$out/include" "$out/lib/pkgconfig"
    cp -r root/usr/include/tg_owt root/usr/include/absl "$out/include/"
    cp "$lib"/libtg_owt.a "$lib"/libabsl_{strings,bad_optional_access,throw_delegate}.a "$out/lib/"
    printf '%s\n' 'prefix=/usr' 'libdir=/usr/lib' 'includedir=/usr/include' '' 'Name: tg_owt' \
        'Description: WebRTC, of Telegram Desktop' 'Version: 0' \
        'Libs: -L${libdir} -ltg_owt -labsl_bad_optional_access -labsl_strings -labsl_throw_delegate -pthread' \
        'Cflags: -DWEBRTC_POSIX -DWEBRTC_LINUX -I${includedir}/tg_owt -I${includedir}' >"$out/lib/pkgconfig/tg_owt.pc"
    dpkg-deb -f libtgowt-dev_*.deb Version >"$out/VERSION"
}

# --- the same for WebAssembly --------------------------------------------------------------------

wasm_cc='clang --target=wasm32-wasi'
wasm_flags='-ffunction-sections -fdata-sections'
# Opus alone: of OpenSSL's ML-DSA, Debian 12's clang 14 makes vector code that never finds a signature.
wasm_simd='-msimd128'

# Besides what the program leaves out: whatever needs a system (WASI has no sockets, threads, terminals),
# QUIC, and the texts of errors. Small before fast (-Os; docs/DECISIONS.md has the figures).
# There is no source of randomness in it: without the RAND_METHOD that
# core/identity/ossl_wasm.c installs, every function that needs randomness fails.
recipe_wasm_openssl() {
    local src=$work/wasm-openssl-src version flags=()
    version=$(source_package openssl "$src" "$OPENSSL_MIN")
    progress "OpenSSL $version for WebAssembly: compiling (about 80 s on two cores)"
    flags=($(openssl_flags)
        no-asm no-async no-dgram no-posix-io no-secure-memory no-sock no-stdio no-threads
        no-autoerrinit no-filenames no-quic --with-rand-seed=none
        no-cmac no-integrity-only-ciphers no-ktls no-multiblock no-scrypt no-tls-deprecated-ec
    )
    cd "$src"
    # bn_ops: words of 32 bits, multiplied with WebAssembly's 64-bit instruction.
    cat >Configurations/50-sotto-wasm.conf <<'PERL'
my %targets = (
    "sotto-wasm" => {
        inherit_from => [ "BASE_unix" ],
        bn_ops       => "BN_LLONG",
    },
);
PERL
    CC=$wasm_cc AR=llvm-ar RANLIB=llvm-ranlib ./Configure sotto-wasm --prefix=/usr --libdir=lib \
        --openssldir=/etc/ssl "${flags[@]}" -Os $wasm_flags
    make -j"$jobs" build_libs
    make DESTDIR="$work/wasm-openssl-dest" install_dev
    mv "$work/wasm-openssl-dest/usr" "$out"
    echo "$version" >"$out/VERSION"
}

# The code of the neural networks without their weights, which become files of their own: a page
# loads them later (OPUS_SET_DNN_BLOB).
recipe_wasm_opus() {
    local src=$work/wasm-opus-src version
    version=$(source_package opus "$src" "$OPUS_MIN")
    progress "Opus $version for WebAssembly: compiling (about 20 s)"
    cd "$src"
    ./configure --host=wasm32-wasi --prefix=/usr --disable-shared --enable-static --disable-rtcd \
        --disable-intrinsics --enable-dred --enable-deep-plc --disable-osce --disable-doc \
        --disable-extra-programs CC="$wasm_cc" AR=llvm-ar RANLIB=llvm-ranlib NM=llvm-nm \
        CPPFLAGS=-DUSE_WEIGHTS_FILE CFLAGS="-O3 $wasm_flags $wasm_simd"
    opus_simd_header >dnn/wasm_simd.h
    make dnn/nnet_default.lo CFLAGS="-O3 $wasm_flags $wasm_simd -include $PWD/dnn/wasm_simd.h"
    make -j"$jobs"
    make DESTDIR="$work/wasm-opus-dest" install
    mv "$work/wasm-opus-dest/usr" "$out"
    opus_weights
    echo "$version" >"$out/VERSION"
}

# Opus multiplies its networks' matrices of small integers in scalar code where it does not know the
# processor: a concealed frame took 14 ms. The same sums in WebAssembly's vectors: 4 ms. Eight
# rows at a time; a block of weights is 8 rows of 4 columns.
opus_simd_header() {
    cat <<'C'
#define cgemv8x4        scalar_cgemv8x4
#define sparse_cgemv8x4 scalar_sparse_cgemv8x4
#include "vec.h"
#undef cgemv8x4
#undef sparse_cgemv8x4
#include <wasm_simd128.h>
struct rows8 {
    v128_t sum[4]; /* of rows 0 and 1, 2 and 3, ...: two partial sums for each */
};
static inline v128_t add_products(v128_t sum, v128_t w, v128_t x)
{
    return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(w, x));
}
static inline void rows8_add(struct rows8 *y, const opus_int8 *w, const opus_int16 *x4)
{
    v128_t x = wasm_v128_load64_splat(x4), a = wasm_v128_load(w), b = wasm_v128_load(w + 16);
    y->sum[0] = add_products(y->sum[0], wasm_i16x8_extend_low_i8x16(a), x);
    y->sum[1] = add_products(y->sum[1], wasm_i16x8_extend_high_i8x16(a), x);
    y->sum[2] = add_products(y->sum[2], wasm_i16x8_extend_low_i8x16(b), x);
    y->sum[3] = add_products(y->sum[3], wasm_i16x8_extend_high_i8x16(b), x);
}
static inline void rows8_store(float *out, const struct rows8 *y, const float *scale)
{
    for (int h = 0; h < 2; h++) {
        v128_t a = y->sum[2 * h], b = y->sum[2 * h + 1];
        v128_t sum = wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 2, 4, 6),
                                    wasm_i32x4_shuffle(a, b, 1, 3, 5, 7));
        wasm_v128_store(out + 4 * h, wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sum),
                                                    wasm_v128_load(scale + 4 * h)));
    }
}
static inline void quantize(opus_int16 *x, const float *in, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = (opus_int16)floorf(.5f + 127 * in[i]);
}
static inline void cgemv8x4(float *out, const opus_int8 *w, const float *scale, int rows, int cols,
                            const float *in)
{
    opus_int16 x[MAX_INPUTS];
    quantize(x, in, cols);
    for (int i = 0; i < rows; i += 8) {
        struct rows8 y = {0};
        for (int j = 0; j < cols; j += 4, w += 32)
            rows8_add(&y, w, x + j);
        rows8_store(out + i, &y, scale + i);
    }
}
static inline void sparse_cgemv8x4(float *out, const opus_int8 *w, const int *idx,
                                   const float *scale, int rows, int cols, const float *in)
{
    opus_int16 x[MAX_INPUTS];
    quantize(x, in, cols);
    for (int i = 0; i < rows; i += 8) {
        struct rows8 y = {0};
        for (int blocks = *idx++; blocks > 0; blocks--, w += 32)
            rows8_add(&y, w, x + *idx++);
        rows8_store(out + i, &y, scale + i);
    }
}
C
}

# Opus's own writer (dnn/write_lpcnet_weights.c), but into one file for concealment and one for DRED.
opus_weights() {
    cat >weights.c <<'C'
#define main write_all
#include "dnn/write_lpcnet_weights.c"
#undef main
static FILE *create(const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}
int main(void)
{
    FILE *plc = create("plc.weights"), *dred = create("dred.weights");
    write_weights(pitchdnn_arrays, plc);
    write_weights(fargan_arrays, plc);
    write_weights(plcmodel_arrays, plc);
    write_weights(rdovaeenc_arrays, dred);
    write_weights(rdovaedec_arrays, dred);
    return fclose(plc) != 0 || fclose(dred) != 0;
}
C
    cc -w -O1 -DDUMP_BINARY_WEIGHTS -DDISABLE_DEBUG_FLOAT -I. -Iinclude -Icelt -Isilk -Idnn -o weights weights.c -lm
    ./weights
    [ -s plc.weights ] && [ -s dred.weights ]
    mkdir -p "$out/weights"
    mv plc.weights dred.weights "$out/weights/"
}

# Its own build would need autoconf for WASI: two headers say all that it would find out.
recipe_wasm_jansson() {
    local src=$work/wasm-jansson-src version
    version=$(source_package jansson "$src" "$JANSSON_MIN")
    progress "jansson $version for WebAssembly: compiling"
    mkdir -p "$out/include"
    cp "$src/src/jansson.h" "$out/include/"
    cat >"$out/include/jansson_config.h" <<'C'
#ifndef JANSSON_CONFIG_H
#define JANSSON_CONFIG_H
#define JSON_INLINE inline
#define JSON_INTEGER_IS_LONG_LONG 1
#define JSON_HAVE_LOCALECONV 0
#define JSON_HAVE_ATOMIC_BUILTINS 1
#define JSON_HAVE_SYNC_BUILTINS 1
#define JSON_PARSER_MAX_DEPTH 2048
#endif
C
    cat >"$src/src/jansson_private_config.h" <<'C'
#define HAVE_STDINT_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_ENDIAN_H 1
#define HAVE_UNISTD_H 1
#define INITIAL_HASHTABLE_ORDER 3
C
    wasm_archive jansson "$version" "$out/include -I$src/src" "$src"/src/*.c
}

# setjmp and longjmp do not exist in WebAssembly: a failed test ends its program instead.
recipe_wasm_cmocka() {
    local src=$work/wasm-cmocka-src version
    version=$(source_package cmocka "$src" "$CMOCKA_MIN")
    progress "cmocka $version for WebAssembly: compiling"
    mkdir -p "$out/include"
    cp "$src"/include/cmocka.h "$out/include/"
    cat >"$out/include/setjmp.h" <<'C'
#ifndef SOTTO_WASM_SETJMP_H
#define SOTTO_WASM_SETJMP_H
#include <stdio.h>
#include <stdlib.h>
typedef int jmp_buf[1];
#define setjmp(env) ((void)(env), 0)
_Noreturn static inline void longjmp(jmp_buf env, int value)
{
    (void)env, (void)value;
    fprintf(stderr, "a failed assertion ends the program: there is no longjmp here\n");
    exit(1);
}
#endif
C
    cat >"$src/config.h" <<'C'
#define HAVE_ASSERT_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_MALLOC_H 1
#define HAVE_STDINT_H 1
#define HAVE_STRINGS_H 1
#define HAVE_TIME_H 1
#define HAVE_UNISTD_H 1
#define HAVE_UINTPTR_T 1
#define HAVE_SNPRINTF 1
#define HAVE_VSNPRINTF 1
#define HAVE_STRUCT_TIMESPEC 1
#define WORDS_SIZEOF_VOID_P 4
C
    wasm_archive cmocka "$version" "$out/include -I$src -I$src/include" "$src/src/cmocka.c"
}

# wasm_archive NAME VERSION INCLUDES SOURCES...: compiles them into $out/lib/libNAME.a, with a .pc file.
wasm_archive() {
    local name=$1 version=$2 includes=$3 source objects=()
    shift 3
    for source in "$@"; do
        # An assertion names its file, and where that lay differs from build to build.
        $wasm_cc -O2 $wasm_flags "-ffile-prefix-map=$work/=" -w -DHAVE_CONFIG_H -I$includes -c "$source" -o "$source.o"
        objects+=("$source.o")
    done
    mkdir -p "$out/lib/pkgconfig"
    llvm-ar rcs "$out/lib/lib$name.a" "${objects[@]}"
    printf '%s\n' 'prefix=/usr' 'libdir=/usr/lib' 'includedir=/usr/include' '' "Name: $name" \
        "Description: $name for WebAssembly" "Version: ${version%%-*}" "Libs: -L\${libdir} -l$name" \
        'Cflags: -I${includedir}' >"$out/lib/pkgconfig/$name.pc"
    echo "$version" >"$out/VERSION"
}

# --- building, stamping --------------------------------------------------------------------------

# The hash of everything that decides what a recipe yields.
recipe_hash() {
    local name=$1
    shift
    {
        declare -f "recipe_${name//\//_}" "$@"
        say "$OPENSSL_MIN $OPUS_MIN $NGTCP2_MIN $NGHTTP3_MIN $NEWER"
        [[ $name != wasm/* ]] || say "$JANSSON_MIN $CMOCKA_MIN $wasm_cc $wasm_flags $wasm_simd"
    } | sha256sum | cut -c1-16
}

# library STEP NAME TITLE [HELPERS...]: NAME is its directory below $prefix.
library() {
    local step=$1/$steps name=$2 title=$3 hash started out status id pkgconfig
    shift 3
    id=${name//\//-}
    hash=$(recipe_hash "$name" "$@")
    if [ -e "$prefix/$name/VERSION" ] && [ "$(cat "$prefix/$name/RECIPE" 2>/dev/null)" = "$hash" ]; then
        say "[$step] $title: ready, $(cat "$prefix/$name/VERSION")"
        return 0
    fi
    say "[$step] $title"
    started=$SECONDS
    : >"$logs/$id.log"
    out=$work/$id-out
    open_newer
    # Not as a condition of `if`: there, bash would ignore errors inside the recipe.
    set +e
    (
        set -e
        "recipe_${name//\//_}"
    ) </dev/null >>"$logs/$id.log" 2>&1
    status=$?
    set -e
    [ $status -eq 0 ] && [ -s "$out/VERSION" ] || failed "$id" "$title"
    find "$out" -name '*.la' -delete
    rm -rf "$out/share" "$out/lib/cmake"
    # Relocatable: each .pc file finds its library from where it lies itself.
    pkgconfig=$(dirname "$prefix/$name")/pkgconfig
    mkdir -p "$pkgconfig"
    sed -i -e "s|^prefix=.*|prefix=\${pcfiledir}/../${name##*/}|" -e 's|^exec_prefix=.*|exec_prefix=${prefix}|' \
        -e 's|^libdir=.*|libdir=${prefix}/lib|' -e 's|^includedir=.*|includedir=${prefix}/include|' \
        "$out"/lib/pkgconfig/*.pc
    cp "$out"/lib/pkgconfig/*.pc "$pkgconfig/"
    rm -rf "$out/lib/pkgconfig"
    echo "$hash" >"$out/RECIPE"
    rm -rf "${prefix:?}/$name"
    mv "$out" "$prefix/$name"
    progress "done in $((SECONDS - started)) s: $(cat "$prefix/$name/VERSION")"
}

failed() {
    tail -n 30 "$logs/$1.log" >&2
    die "$2 could not be built. The whole log is $logs/$1.log." \
        "Check the network and apt's sources, then run 'make deps' again; what is ready stays."
}

# From step $1 on.
wasm_libraries() {
    library "$1" wasm/openssl 'OpenSSL for WebAssembly' openssl_flags
    library $(($1 + 1)) wasm/opus 'Opus for WebAssembly' opus_weights opus_simd_header
    library $(($1 + 2)) wasm/jansson 'jansson for WebAssembly' wasm_archive
    library $(($1 + 3)) wasm/cmocka 'cmocka for WebAssembly' wasm_archive
}

check_system() {
    local ok=1 spec
    for spec in "libcrypto >= 3.5.7" "libssl >= 3.5.7" "opus >= $OPUS_MIN" "libngtcp2 >= $NGTCP2_MIN" \
        "libngtcp2_crypto_ossl >= $NGTCP2_MIN" "libnghttp3 >= $NGHTTP3_MIN"; do
        pkg-config --print-errors --exists "$spec" || ok=''
    done
    [ -n "$ok" ] || die "the system's own libraries are not new enough; build ours: make deps"
    say "the system's own libraries are new enough"
}

# --- main ----------------------------------------------------------------------------------------

with_test='' with_web='' with_peers='' mode=build
while [ $# -gt 0 ]; do
    case $1 in
    --test) with_test=1 ;;
    --web) with_web=1 ;;
    --peers) with_peers=1 ;;
    --system) mode=system ;;
    --source)
        mode=source
        shift
        break
        ;;
    *) die "unknown argument '$1'; the first lines of $0 say what there is" ;;
    esac
    shift
done

mkdir -p "$logs"
# Two of these at once would build everything twice and race for the result.
exec 9>"$prefix/.lock"
flock -n 9 || { say "another run holds $prefix/.lock: waiting"; flock 9; }
work=$(mktemp -d "$prefix/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

case $mode in
source)
    [ $# -ge 2 ] || die "--source PACKAGE DIR [MINIMUM]"
    minimum=${3:-0}
    [ "$1" != openssl ] || minimum=$OPENSSL_MIN
    source_package "$1" "$(realpath -m "$2")" "$minimum"
    ;;
system)
    install_packages
    check_system
    if [ -n "$with_web" ]; then
        steps=4
        wasm_libraries 1
    fi
    ;;
build)
    install_packages
    steps=4
    [ -z "$with_web" ] || steps=$((steps + 4))
    pkg-config --exists webrtc-audio-processing-1 || steps=$((steps + 1))
    say "[1/$steps] packages: ready"
    library 2 openssl 'OpenSSL' openssl_flags
    library 3 opus 'Opus'
    library 4 ngtcp2 'ngtcp2 and nghttp3' quic_cmake quic_links
    [ -z "$with_web" ] || wasm_libraries 5
    pkg-config --exists webrtc-audio-processing-1 || library "$steps" tg_owt "WebRTC's audio processing"
    ;;
esac
