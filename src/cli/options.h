/* Command-line options: one table a command, from which parsing, suggestions and --help derive.
 *
 *     static const lm_option table[] = {
 *         {"config", "FILE", "the run config"},
 *         {"resume", NULL, "go on from the newest checkpoint"},
 *         {0},
 *     };
 *     lm_options o;
 *     lm_options_parse(&o, &command, argc, argv, err);
 *     lm_options_value(&o, "config");       // NULL when not given
 *     lm_options_has(&o, "resume");
 *
 * Both --name value and --name=value; "--" ends the options. */
#ifndef LM_CLI_OPTIONS_H
#define LM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* For every help text. */
#define LM_EXIT_CODES                                                                 \
    "\nExit codes:\n"                                                                 \
    "  0 done; 1 runtime failure (I/O, memory, damaged file); 2 usage or config;\n"   \
    "  3 diverged (a loss or gradient is not finite); 4 interrupted: training (or\n"  \
    "  with run.interrupt_exit_code) after a checkpoint was written (--resume goes\n" \
    "  on), bench with what was measured printed; 130, 143 stopped at once by a\n"    \
    "  second SIGINT, SIGTERM\n"

typedef struct lm_option {
    const char *name;     /* without the dashes; NULL ends the table */
    const char *argument; /* what it takes, for help; NULL: a switch; "[X]": may be left out */
    const char *help;
    bool repeats; /* may be given more than once; else the second time is an error */
} lm_option;

/* A command: a row of the registry in commands.c. */
typedef struct lm_options lm_options;
typedef struct lm_command {
    const char *name, *summary;
    const char *usage;   /* "--config run.json [--resume]" */
    const char *example; /* whole lines */
    const lm_option *options;
    bool takes_files; /* arguments without dashes */
    lm_status (*run)(const lm_options *o, lm_error *err);
} lm_command;

#define LM_OPTIONS_MAX 256

struct lm_options {
    const lm_command *command;
    int given[LM_OPTIONS_MAX];          /* rows of the table, in the order given */
    const char *values[LM_OPTIONS_MAX]; /* of those; NULL for switches */
    int count;
    const char *files[LM_OPTIONS_MAX];
    int n_files;
};

/* Everything behind the command's name. Unknown options get a suggestion; LM_ERR_USAGE. */
lm_status lm_options_parse(lm_options *o, const lm_command *command, int argc,
                           const char *const *argv, lm_error *err);
/* Does `what`, "--help" say, stand among the arguments, but not as the value of an option? */
bool lm_options_ask_for(const lm_command *command, int argc, const char *const *argv,
                        const char *what);
bool lm_options_has(const lm_options *o, const char *name);
/* NULL when it was not given. */
const char *lm_options_value(const lm_options *o, const char *name);
/* All values of an option that repeats, in order; returns their number (at most LM_OPTIONS_MAX). */
int lm_options_values(const lm_options *o, const char *name, const char *values[LM_OPTIONS_MAX]);
/* The value as a number in [low, high], or `standard` when it was not given. */
lm_status lm_options_integer(const lm_options *o, const char *name, int64_t low, int64_t high,
                             int64_t standard, int64_t *out, lm_error *err);
lm_status lm_options_real(const lm_options *o, const char *name, double low, double high,
                          double standard, double *out, lm_error *err);
/* An option that must be given: its value, or LM_ERR_USAGE. */
lm_status lm_options_required(const lm_options *o, const char *name, const char **out,
                              lm_error *err);

/* The command's help text. */
void lm_options_help(const lm_command *command, lm_text *out);

#endif
