/* Command-line options: one table per command. Parsing, defaults, range errors, suggestions and
 * --help derive from it.
 *
 *     typedef struct request {
 *         const char *config;
 *         int64_t tokens;
 *     } request;
 *     static const lm_option options[] = {
 *         {"config", "FILE", "the run config", LM_STORED(request, config), .required = true},
 *         {"tokens", "N", "tokens to generate", LM_STORED(request, tokens),
 *          .count = {.by_default = 256, .most = INT64_MAX}},
 *         {0},
 *     };
 *
 * The C type of the member says what an option takes: its kind. Options are --name value or
 * --name=value; "--" ends them. */
#ifndef LM_CLI_OPTIONS_H
#define LM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

#define LM_OPTION_MOST_TEXTS 256

typedef struct lm_option_texts {
    const char *items[LM_OPTION_MOST_TEXTS]; /* in the order given */
    int count;
} lm_option_texts;

typedef struct lm_option_optional {
    bool given;
    const char *text; /* NULL: given without an argument, or not given */
} lm_option_optional;

typedef enum lm_option_kind {
    LM_OPTION_FLAG,     /* bool: true when given */
    LM_OPTION_TEXT,     /* const char * */
    LM_OPTION_OPTIONAL, /* lm_option_optional: its argument may be left out */
    LM_OPTION_TEXTS,    /* lm_option_texts: may be repeated */
    LM_OPTION_COUNT,    /* int64_t */
    LM_OPTION_REAL,     /* double */
    LM_OPTION_CHOICE,   /* int: an index of choice.name */
    LM_OPTION_CHOICES,  /* unsigned: bit 1 << index for each index given; may be repeated */
} lm_option_kind;

/* In a row: the value is stored in owner.member, whose type says the kind. */
/* clang-format off */
#define LM_STORED(owner, member)                             \
    .place = offsetof(owner, member),                        \
    .kind = _Generic(((owner *)0)->member,                   \
                     bool: LM_OPTION_FLAG,                   \
                     const char *: LM_OPTION_TEXT,           \
                     lm_option_optional: LM_OPTION_OPTIONAL, \
                     lm_option_texts: LM_OPTION_TEXTS,       \
                     int64_t: LM_OPTION_COUNT,               \
                     double: LM_OPTION_REAL,                 \
                     int: LM_OPTION_CHOICE,                  \
                     unsigned: LM_OPTION_CHOICES)
/* clang-format on */

/* A number's default outside of its range stands for "not given": help does not print it. */
typedef struct lm_option {
    const char *name;     /* without the dashes; NULL ends the table */
    const char *argument; /* what it takes, for help: "FILE"; NULL: a flag */
    const char *help;     /* one phrase without the default, the range or the choices */
    size_t place;         /* of the member, in the command's struct */
    lm_option_kind kind;
    char letter; /* 'h': -h means it too; for lm_options_everywhere */
    bool required;
    bool several;   /* of texts: more of them may follow the first, up to the next option */
    bool overrides; /* of texts, "key.path=value": refuses those that begin as what lm_config_load
                       knows beside these */
    bool alone;     /* of a flag: the command does nothing else, so nothing is required beside it */
    union {         /* by kind */
        struct {
            int64_t by_default, least, most;
        } count;
        struct {
            double by_default, least, most;
        } real;
        struct {
            const char *(*name)(int i); /* NULL past the end */
            int by_default;             /* of LM_OPTION_CHOICE; -1: none */
            unsigned set_by_default;    /* of LM_OPTION_CHOICES */
        } choice;
    };
} lm_option;

/* What a command takes beside its options. */
typedef struct lm_arguments {
    const char *name; /* "FILE"; NULL: none */
    size_t place;     /* of an lm_option_texts, in the command's struct */
    int least, most;  /* LM_OPTION_MOST_TEXTS: any number */
} lm_arguments;

/* A command: its file defines one; commands.h lists them. */
typedef struct lm_command {
    const char *name, *summary;
    const char *usage;   /* behind "lmtrain NAME ": "--config run.json [--resume]" */
    const char *example; /* whole lines */
    const lm_option *options;
    lm_arguments arguments;
    size_t size; /* of the struct that options and arguments are stored in */
    lm_status (*run)(const void *request, lm_error *err); /* of that struct */
    bool shared; /* copies of it that a launcher starts (comm/launch.h) work together */
} lm_command;

typedef struct lm_exit_code {
    const char *code, *meaning;
} lm_exit_code;
extern const lm_exit_code lm_exit_codes[]; /* code NULL ends them */

/* Options that every command takes, and lmtrain without a command; nothing is stored. */
enum { LM_EVERYWHERE_HELP, LM_EVERYWHERE_VERSION };
extern const lm_option lm_options_everywhere[];

/* Reads everything behind the command's name into *request, command->size bytes, which are
 * overwritten: defaults, then what is given. Texts are argv's own, or, of paths with "~/" at
 * their head, copies that stay until the process ends. LM_ERR_USAGE names the option,
 * what was expected and what was found; unknown options get a suggestion. */
lm_status lm_options_parse(const lm_command *command, int argc, const char *const *argv,
                           void *request, lm_error *err);
/* Is the argument this option, by its name or its letter? */
bool lm_option_is(const lm_option *option, const char *argument);
/* Is `what` among the arguments, and not as the value of an option? */
bool lm_options_ask_for(const lm_command *command, int argc, const char *const *argv,
                        const lm_option *what);
/* "a whole number from 0 to 9", "one of a, b": what the option takes, for errors and help; nothing
 * is appended for flags and texts. */
void lm_option_describe(const lm_option *option, lm_text *out);

/* "--config FILE", "--resume [FILE]", "-h, --help". */
void lm_option_synopsis(const lm_option *option, lm_text *out);
/* Its help, with default, range or choices, and whether it is required or may be repeated. */
void lm_option_explain(const lm_option *option, lm_text *out);
/* The command's help text. */
void lm_options_help(const lm_command *command, lm_text *out);
/* The exit codes, for every help text. */
void lm_options_exit_codes(lm_text *out);

#endif
