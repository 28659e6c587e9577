// SPDX-License-Identifier: Apache-2.0
#include <sotto/base.h>

const char *sotto_strerror(int error)
{
    if (error > 0) {
        return "success";
    }
    switch ((enum sotto_error)error) {
    case SOTTO_OK:
        return "success";
    case SOTTO_EAGAIN:
        return "nothing to do now, try again later";
    case SOTTO_EPARSE:
        return "malformed data";
    case SOTTO_EREPLAY:
        return "seen before, or too old to tell";
    case SOTTO_EAUTH:
        return "not authentic";
    case SOTTO_ESTATE:
        return "not possible in the present state";
    case SOTTO_ELIMIT:
        return "a limit is reached";
    case SOTTO_ENOTFOUND:
        return "not found";
    case SOTTO_EEXIST:
        return "exists already";
    case SOTTO_EINVAL:
        return "an argument makes no sense";
    case SOTTO_ESPACE:
        return "the output buffer is too small";
    case SOTTO_ELINK_MALFORMED:
        return "this is not a sotto link";
    case SOTTO_ELINK_DAMAGED:
        return "the link is truncated or was altered";
    case SOTTO_ELINK_VERSION:
        return "the link was made by a newer sotto";
    case SOTTO_EEXPIRED:
        return "the number has expired";
    case SOTTO_EUSEDUP:
        return "the number's calls are used up";
    case SOTTO_EREVOKED:
        return "the number was withdrawn by its owner";
    case SOTTO_EPASSPHRASE:
        return "wrong passphrase";
    case SOTTO_EPROTO:
        return "the other side broke the protocol";
    case SOTTO_EPEER:
        return "the other side proved another identity than the expected one";
    case SOTTO_EPROOF:
        return "the other side could not prove that it holds the number";
    case SOTTO_ESUITE:
        return "no cipher suite in common";
    case SOTTO_ETIMEOUT:
        return "no answer in time";
    case SOTTO_EREFUSED:
        return "refused by the other side";
    case SOTTO_ECLOSED:
        return "closed";
    case SOTTO_ENOMEM:
        return "out of memory";
    case SOTTO_ECRYPTO:
        return "the cryptographic library failed";
    case SOTTO_EIO:
        return "storage failed";
    case SOTTO_EFULL:
        return "storage is full";
    }
    return "unknown error";
}
