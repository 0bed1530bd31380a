/* The first include of a cmocka test: cmocka and the headers that must stand before it. */
#ifndef LM_TESTS_SUPPORT_TEST_H
#define LM_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
