/* For tests of LM_ASSERT: does a call end in a broken invariant? */
#ifndef LM_TESTS_SUPPORT_ABORTS_H
#define LM_TESTS_SUPPORT_ABORTS_H

#include <stdbool.h>

/* Calls function(argument) in a child process; true when that aborts and says "internal error" and
 * `says` on stderr. */
bool lm_test_aborts(void (*function)(void *argument), void *argument, const char *says);

#endif
