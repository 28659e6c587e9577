// SPDX-License-Identifier: Apache-2.0
// What a page's headers and its index.html must and must not say, so that it runs nothing but the
// files of its release. Each returns false with one sentence about the first thing wrong.
#ifndef SOTTO_CLI_PAGE_CHECK_H
#define SOTTO_CLI_PAGE_CHECK_H

#include "page_fetch.h"
#include "page_release.h"

// The Content-Security-Policy's value: no script, worker or style from elsewhere or inline, no
// eval, trusted types; nothing that reports, frames or is framed.
bool page_check_policy(const char *policy, char error[PAGE_ERROR_BYTES]);
// All headers of the answer for that path.
bool page_check_headers(const struct page_reply *r, const char *path, char error[PAGE_ERROR_BYTES]);
// Everything that index.html loads is in the release, with its digest where it is a script or a
// style; nothing stands in it itself, and nothing else that could run or load.
bool page_check_html(const struct page_release *r, const char *html, char error[PAGE_ERROR_BYTES]);

#endif
