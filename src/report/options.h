/* How often a run reports: the config's section "log". */
#ifndef LM_REPORT_OPTIONS_H
#define LM_REPORT_OPTIONS_H

#include <stdint.h>

typedef struct lm_log_options {
    int64_t every;        /* steps between progress lines, where there is no terminal */
    int64_t digest_every; /* steps between digests of the weights; 0: none */
} lm_log_options;

#endif
