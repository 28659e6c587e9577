// SPDX-License-Identifier: Apache-2.0
// A relay's own certificate, for offices without a certificate authority: clients pin its key,
// browsers its hash.
#include "net.h"
#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sotto/base.h>

#define CERT_HOST_MAX_BYTES 253
#define CERT_DAY_S          86400
// The beginning lies a little back: a client's clock may be behind ours.
#define CERT_BACKDATE_S     3600
#define CERT_SERIAL_BITS    127

// ---- files --------------------------------------------------------------------------------

static int sync_directory(const char *file)
{
    char *copy = strdup(file);
    if (copy == NULL) {
        return SOTTO_ENOMEM;
    }
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (fd < 0) {
        return SOTTO_EIO;
    }
    int rv = fsync(fd) == 0 ? 0 : SOTTO_EIO;
    close(fd);
    return rv;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return SOTTO_EIO;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

// Complete and durable under its name, or not there at all.
static int write_file(const char *file, BIO *content, mode_t mode)
{
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s.new", file);
    if (n < 0 || (size_t)n >= sizeof temporary) {
        return SOTTO_EINVAL;
    }
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return SOTTO_EIO;
    }
    char *data = NULL;
    long len = BIO_get_mem_data(content, &data);
    int rv = len > 0 ? write_all(fd, data, (size_t)len) : SOTTO_ECRYPTO;
    if (rv == 0 && fsync(fd) != 0) {
        rv = SOTTO_EIO;
    }
    if (close(fd) != 0 && rv == 0) {
        rv = SOTTO_EIO;
    }
    if (rv == 0 && rename(temporary, file) != 0) {
        rv = SOTTO_EIO;
    }
    if (rv != 0) {
        (void)unlink(temporary);
        return rv;
    }
    return sync_directory(file);
}

// ---- the key ------------------------------------------------------------------------------

static EVP_PKEY *key_read(const char *file)
{
    FILE *f = fopen(file, "re");
    if (f == NULL) {
        return NULL;
    }
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    return key;
}

// The kept key, or a new one that is in its file before this returns.
static int key_take_or_make(const char *file, EVP_PKEY **out)
{
    if (access(file, F_OK) == 0) {
        *out = key_read(file);
        return *out != NULL ? 0 : SOTTO_EPARSE;
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *text = BIO_new(BIO_s_secmem());
    int rv = SOTTO_ECRYPTO;
    if (key != NULL && text != NULL &&
        PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) == 1) {
        rv = write_file(file, text, 0600);
    }
    BIO_free(text);
    if (rv != 0) {
        EVP_PKEY_free(key);
        return rv;
    }
    *out = key;
    return 0;
}

// ---- the certificate ----------------------------------------------------------------------

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

// By structure, not by text: a host name never gets to be syntax.
static bool add_host(X509 *cert, const char *host)
{
    uint8_t address[16];
    int address_len = inet_pton(AF_INET, host, address) == 1    ? 4
                      : inet_pton(AF_INET6, host, address) == 1 ? 16
                                                                : 0;
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value =
        ASN1_STRING_type_new(address_len > 0 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    bool ok = false;
    if (names == NULL || name == NULL || value == NULL ||
        ASN1_STRING_set(value, address_len > 0 ? (const void *)address : (const void *)host,
                        address_len > 0 ? address_len : (int)strlen(host)) != 1) {
        goto done;
    }
    GENERAL_NAME_set0_value(name, address_len > 0 ? GEN_IPADD : GEN_DNS, value);
    value = NULL;
    if (sk_GENERAL_NAME_push(names, name) <= 0) {
        goto done;
    }
    name = NULL;
    ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
done:
    ASN1_STRING_free(value);
    GENERAL_NAME_free(name);
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return ok;
}

static bool set_serial(X509 *cert)
{
    BIGNUM *n = BN_new();
    bool ok = n != NULL && BN_rand(n, CERT_SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
    BN_free(n);
    return ok;
}

static bool fill(X509 *cert, EVP_PKEY *key, const char *host, uint32_t days, int64_t now_unix_s)
{
    int64_t from = now_unix_s - CERT_BACKDATE_S;
    int64_t to = from + (int64_t)days * CERT_DAY_S;
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
           ASN1_TIME_set(X509_getm_notBefore(cert), from) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), to) != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"sotto relay", -1, -1, 0) == 1 &&
           X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
           add_host(cert, host) &&
           add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
           add_extension(cert, NID_ext_key_usage, "serverAuth") &&
           X509_sign(cert, key, EVP_sha256()) > 0;
}

int net_certificate_make(const char *certificate_file, const char *key_file, const char *host,
                         uint32_t days, int64_t now_unix_s)
{
    if (host[0] == '\0' || strlen(host) > CERT_HOST_MAX_BYTES || days == 0) {
        return SOTTO_EINVAL;
    }
    EVP_PKEY *key = NULL;
    int rv = key_take_or_make(key_file, &key);
    if (rv != 0) {
        return rv;
    }
    X509 *cert = X509_new();
    BIO *text = BIO_new(BIO_s_mem());
    rv = SOTTO_ECRYPTO;
    if (cert != NULL && text != NULL && fill(cert, key, host, days, now_unix_s) &&
        PEM_write_bio_X509(text, cert) == 1) {
        rv = write_file(certificate_file, text, 0644);
    }
    BIO_free(text);
    X509_free(cert);
    EVP_PKEY_free(key);
    return rv;
}

int net_certificate_pin(const char *certificate_file, uint8_t pin[NET_PIN_BYTES],
                        uint8_t certificate_sha256[32], int64_t *not_after_unix_s)
{
    FILE *f = fopen(certificate_file, "re");
    if (f == NULL) {
        return SOTTO_EIO;
    }
    X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    if (cert == NULL) {
        return SOTTO_EPARSE;
    }
    uint8_t key_hash[NET_PIN_BYTES], hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    struct tm end;
    int rv = SOTTO_EPARSE;
    if (tls_pin_of(cert, key_hash) == 0 && X509_digest(cert, EVP_sha256(), hash, &hash_len) == 1 &&
        hash_len == 32 && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) == 1) {
        memcpy(pin, key_hash, NET_PIN_BYTES);
        memcpy(certificate_sha256, hash, 32);
        *not_after_unix_s = timegm(&end);
        rv = 0;
    }
    X509_free(cert);
    return rv;
}
