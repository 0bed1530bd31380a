/* Runs of several processes: the config's section "dist". */
#ifndef LM_DIST_OPTIONS_H
#define LM_DIST_OPTIONS_H

#include <stdbool.h>

typedef struct lm_dist_options {
    double timeout;         /* seconds after which a silent process ends the run; 0: never */
    bool shared_filesystem; /* all processes see the run directory, and write checkpoints there */
} lm_dist_options;

#endif
