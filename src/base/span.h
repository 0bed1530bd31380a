/* A part of an array. */
#ifndef LM_BASE_SPAN_H
#define LM_BASE_SPAN_H

#include <stdint.h>

/* Elements [first, end). */
typedef struct lm_span {
    int64_t first, end;
} lm_span;

#endif
