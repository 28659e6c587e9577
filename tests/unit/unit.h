/* What every unit test includes first: cmocka wants these four before its own header. */
#ifndef SOTTO_TESTS_UNIT_H
#define SOTTO_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
