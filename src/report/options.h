/* How often a run reports: the config's section "log". */
#ifndef LM_REPORT_OPTIONS_H
#define LM_REPORT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct lm_log_options {
    int64_t every;         /* steps between progress lines, where there is no terminal */
    int64_t metrics_every; /* steps between lines of metrics */
    int64_t digest_every;  /* steps between digests of the weights; 0: none */
    bool report;           /* write report.html as the run goes */
    double report_seconds; /* at most so often, and not in a run that is shorter */
    bool tensorboard;
    int64_t layers_every; /* steps between statistics of each parameter; 0: none */
    int64_t sample_every; /* steps between texts that the model writes; 0: none */
    int64_t sample_tokens;
    char *sample_prompt;
} lm_log_options;

#endif
