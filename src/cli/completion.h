/* Completions of the command line, from the tables of commands, options and config keys: a row per
 * shell, each written by its own file. */
#ifndef LM_CLI_COMPLETION_H
#define LM_CLI_COMPLETION_H

#include "base/text.h"
#include "cli/options.h"

const char *lm_shell_name(int shell); /* "bash", "zsh", "fish"; NULL past the end */
/* Appends a script that the shell reads. */
void lm_completion(int shell, lm_text *out);

/* ---- for the files of the shells --------------------------------------------------------------*/

void lm_completion_bash(lm_text *out);
void lm_completion_zsh(lm_text *out);
void lm_completion_fish(lm_text *out);

/* What a value may be completed to. */
typedef enum lm_completes {
    LM_COMPLETES_NOTHING, /* a number, a text */
    LM_COMPLETES_FILES,
    LM_COMPLETES_DIRECTORIES,
    LM_COMPLETES_CHOICES, /* of the option's table */
    LM_COMPLETES_KEYS,    /* key=value of the config */
    LM_COMPLETES_COMMANDS,
} lm_completes;
lm_completes lm_completes_option(const lm_option *option);
/* A command's arguments, called `name` in its help; NULL: it has none. */
lm_completes lm_completes_argument(const char *name);

/* Append the words of a list, separated by spaces: commands, an option's choices, the values of
 * config key `key` (choices; true and false). */
void lm_completion_put_commands(lm_text *out);
void lm_completion_put_choices(lm_text *out, const lm_option *option);
bool lm_completion_put_values(lm_text *out, int key); /* false: none are known */
/* Appends text between single quotes. A backslash goes before the characters of `escaped`; a quote
 * that is not one of them becomes '\''. */
void lm_completion_put_quoted(lm_text *out, const char *text, const char *escaped);

#endif
