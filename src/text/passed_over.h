/* What documents.c passed over and why, counted, with an example each: nothing is left out
 * silently. */
#ifndef LM_TEXT_PASSED_OVER_H
#define LM_TEXT_PASSED_OVER_H

#include <stdint.h>

#include "base/text.h"
#include "text/content.h"
#include "text/walk.h"

typedef struct lm_passed_over {
    uint64_t files[LM_CONTENTS];      /* by what they are */
    const char *example[LM_CONTENTS]; /* the path of the first */
    uint64_t blank;                   /* documents that are nothing but white space */
    uint64_t null;                    /* JSON lines */
    uint64_t sampled;                 /* documents that the sample left out */
    bool cut_off;                     /* there was more text than max_bytes */
    uint64_t files_with_zeros;        /* not passed over: 0x00 bytes came late in them */
    const char *with_zeros;           /* the first */
} lm_passed_over;

void lm_passed_over_file(lm_passed_over *p, lm_content content, const char *path);
/* A line about each; field: of JSON lines. */
void lm_passed_over_report(const lm_passed_over *p, const lm_walk *w, const char *field,
                           lm_text *out);

#endif
