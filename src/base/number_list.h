/* A short list of numbers among a room's options. */
#ifndef LM_BASE_NUMBER_LIST_H
#define LM_BASE_NUMBER_LIST_H

#include <stdint.h>

enum { LM_NUMBERS_MOST = 16 };
typedef struct lm_number_list {
    int64_t count;
    double values[LM_NUMBERS_MOST];
} lm_number_list;

#endif
