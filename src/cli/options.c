#include "cli/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "cli/completion.h"

enum { MOST_ROWS = 64 };

const lm_option lm_options_everywhere[] = {
    [LM_EVERYWHERE_HELP] = {.name = "help", .help = "this text", .letter = 'h'},
    [LM_EVERYWHERE_VERSION] = {.name = "version",
                               .help = "version, compiler, instruction sets",
                               .letter = 'V'},
    {0},
};

typedef struct parser {
    const lm_command *command;
    char *request;         /* command->size bytes */
    bool given[MOST_ROWS]; /* by row of the table */
    const lm_option *open; /* takes the arguments that follow; NULL: none does */
    lm_error *err;
} parser;

/* ---- rows -------------------------------------------------------------------------------------*/

static int count_rows(const lm_option *options) {
    int n = 0;
    while (options[n].name) n++;
    return n;
}

/* -1: there is none. */
static int find(const lm_command *c, const char *name, size_t length) {
    for (int i = 0; c->options[i].name; i++)
        if (strlen(c->options[i].name) == length && strncmp(c->options[i].name, name, length) == 0)
            return i;
    return -1;
}

static bool repeats(const lm_option *o) {
    return o->kind == LM_OPTION_TEXTS || o->kind == LM_OPTION_CHOICES;
}

static bool chooses(const lm_option *o) {
    return o->kind == LM_OPTION_CHOICE || o->kind == LM_OPTION_CHOICES;
}

void lm_option_describe(const lm_option *o, lm_text *out) {
    if (o->kind == LM_OPTION_COUNT && o->count.most == INT64_MAX)
        lm_text_printf(out, "a whole number from %" PRId64 " up", o->count.least);
    else if (o->kind == LM_OPTION_COUNT)
        lm_text_printf(out, "a whole number from %" PRId64 " to %" PRId64, o->count.least,
                       o->count.most);
    else if (o->kind == LM_OPTION_REAL)
        lm_text_printf(out, "a number from %g to %g", o->real.least, o->real.most);
    else if (chooses(o)) {
        lm_text_printf(out, "one of ");
        lm_text_list(out, o->choice.name);
    }
}

/* ---- values -----------------------------------------------------------------------------------*/

/* Where the option's value is stored: aligned, as a member of a struct. */
static void *place_of(const parser *p, const lm_option *o) {
    return (void *)(p->request + o->place);
}

static void store_defaults(const parser *p) {
    memset(p->request, 0, p->command->size);
    for (const lm_option *o = p->command->options; o->name; o++) {
        void *place = place_of(p, o);
        if (o->kind == LM_OPTION_COUNT) *(int64_t *)place = o->count.by_default;
        if (o->kind == LM_OPTION_REAL) *(double *)place = o->real.by_default;
        if (o->kind == LM_OPTION_CHOICE) *(int *)place = o->choice.by_default;
        if (o->kind == LM_OPTION_CHOICES) *(unsigned *)place = o->choice.set_by_default;
    }
}

static const char *choice_candidate(int i, const void *option) {
    return ((const lm_option *)option)->choice.name(i);
}

static lm_status wrong_value(const parser *p, const lm_option *o, const char *text) {
    lm_text expected = {0};
    char near[LM_TEXT_SUGGESTION_SIZE];
    lm_text_did_you_mean(near, chooses(o) ? lm_text_nearest(text, choice_candidate, o) : NULL);
    lm_option_describe(o, &expected);
    lm_error_set(p->err, LM_ERR_USAGE, "%s: --%s: expected %s, found \"%s\"%s", p->command->name,
                 o->name, lm_text_cstr(&expected), text, near);
    lm_text_free(&expected);
    return LM_ERR_USAGE;
}

static bool parse_count(const lm_option *o, const char *text, int64_t *out) {
    char *end;
    errno = 0;
    long long x = strtoll(text, &end, 10);
    if (errno || end == text || *end || x < o->count.least || x > o->count.most) return false;
    *out = x;
    return true;
}

static bool parse_real(const lm_option *o, const char *text, double *out) {
    char *end;
    double x = strtod(text, &end);
    if (end == text || *end || !(x >= o->real.least && x <= o->real.most)) return false;
    *out = x;
    return true;
}

static bool parse_choice(const lm_option *o, const char *text, int *out) {
    for (int i = 0; o->choice.name(i); i++)
        if (strcmp(o->choice.name(i), text) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static lm_status append(const parser *p, const char *what, lm_option_texts *list,
                        const char *text) {
    if (list->count == LM_OPTION_MOST_TEXTS)
        return lm_error_set(p->err, LM_ERR_USAGE, "%s: more than %d of %s", p->command->name,
                            LM_OPTION_MOST_TEXTS, what);
    list->items[list->count++] = text;
    return LM_OK;
}

/* Paths of this command line that were expanded. They stay until the process ends, as argv does. */
typedef struct expanded {
    struct expanded *before;
    char *path;
} expanded;
static expanded *paths;

/* Is what this takes a path? Then "~/" at its head is expanded, which a shell does not do behind
 * "--name=". */
static bool takes_paths(lm_completes completes) {
    return completes == LM_COMPLETES_FILES || completes == LM_COMPLETES_DIRECTORIES;
}

static lm_status expand(const parser *p, const char *what, const char **text) {
    if (**text != '~') return LM_OK;
    expanded *e = calloc(1, sizeof *e);
    if (!e) return lm_error_no_memory(p->err, *text);
    lm_status status = lm_file_expand_home(*text, &e->path, p->err);
    if (status != LM_OK) {
        free(e);
        return lm_error_prefix(p->err, "%s: %s", p->command->name, what);
    }
    e->before = paths;
    paths = e;
    *text = e->path;
    return LM_OK;
}

/* text NULL: a flag, or without its optional argument. */
static lm_status store(parser *p, int row, const char *text) {
    const lm_option *o = &p->command->options[row];
    char name[80];
    snprintf(name, sizeof name, "--%s", o->name);
    if (text && takes_paths(lm_completes_option(o)) && expand(p, name, &text) != LM_OK)
        return p->err->code;
    void *place = place_of(p, o);
    bool again = p->given[row], right = true;
    int choice = 0;
    p->given[row] = true;
    switch (o->kind) {
    case LM_OPTION_FLAG:
        *(bool *)place = true;
        break;
    case LM_OPTION_TEXT:
        *(const char **)place = text;
        break;
    case LM_OPTION_OPTIONAL:
        *(lm_option_optional *)place = (lm_option_optional){true, text};
        break;
    case LM_OPTION_TEXTS:
        if (o->overrides && strchr("-=", *text))
            return lm_error_set(p->err, LM_ERR_USAGE, "--%s %s: expected key.path=value", o->name,
                                text);
        return append(p, o->name, place, text);
    case LM_OPTION_COUNT:
        right = parse_count(o, text, place);
        break;
    case LM_OPTION_REAL:
        right = parse_real(o, text, place);
        break;
    case LM_OPTION_CHOICE:
        right = parse_choice(o, text, place);
        break;
    case LM_OPTION_CHOICES:
        right = parse_choice(o, text, &choice);
        if (!again) *(unsigned *)place = 0;
        if (right) *(unsigned *)place |= 1u << choice;
        break;
    }
    return right ? LM_OK : wrong_value(p, o, text);
}

/* ---- the command line -------------------------------------------------------------------------*/

static const char *name_candidate(int i, const void *command) {
    const lm_command *c = command;
    int n = count_rows(c->options);
    return i < n ? c->options[i].name : lm_options_everywhere[i - n].name;
}

/* The option's name is text up to `length`. */
static lm_status unknown(const parser *p, const char *text, size_t length) {
    char name[80], option[80], near[LM_TEXT_SUGGESTION_SIZE];
    const char *command = p->command->name;
    snprintf(name, sizeof name, "%.*s", (int)lm_size_min(length, sizeof name), text);
    const char *found = lm_text_nearest(name, name_candidate, p->command);
    if (found) snprintf(option, sizeof option, "--%s", found);
    return lm_error_set(p->err, LM_ERR_USAGE,
                        "%s: unknown option --%s%s (lmtrain %s --help lists them)", command, name,
                        lm_text_did_you_mean(near, found ? option : NULL), command);
}

bool lm_option_is(const lm_option *o, const char *argument) {
    if (strncmp(argument, "--", 2) == 0) return strcmp(argument + 2, o->name) == 0;
    return o->letter && argument[0] == '-' && argument[1] == o->letter && !argument[2];
}

bool lm_options_ask_for(const lm_command *c, int argc, const char *const *argv,
                        const lm_option *what) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (lm_option_is(what, argv[i])) return true;
        if (strncmp(argv[i], "--", 2) != 0) continue;
        int row = find(c, argv[i] + 2, strlen(argv[i] + 2));
        if (row < 0) continue;
        const lm_option *o = &c->options[row];
        if (o->kind != LM_OPTION_FLAG && o->kind != LM_OPTION_OPTIONAL) i++;
    }
    return false;
}

/* May the option stand without a value before the next argument? next NULL: there is none. */
static bool stands_alone(const lm_option *o, const char *next) {
    if (o->kind == LM_OPTION_OPTIONAL) return !next || next[0] == '-';
    return o->kind == LM_OPTION_FLAG;
}

/* One option, `text` behind its dashes. Its value may be the next argument: *used is then 1. */
static lm_status take_option(parser *p, const char *text, const char *next, int *used) {
    const lm_command *c = p->command;
    size_t length = strcspn(text, "=");
    int row = find(c, text, length);
    if (row < 0) return unknown(p, text, length);
    const lm_option *o = &c->options[row];
    const char *value = text[length] == '=' ? text + length + 1 : NULL;
    *used = 0;
    if (o->kind == LM_OPTION_FLAG && value)
        return lm_error_set(p->err, LM_ERR_USAGE, "%s: --%s takes no value, found \"%s\"", c->name,
                            o->name, value);
    if (!value && !stands_alone(o, next)) {
        if (!next)
            return lm_error_set(p->err, LM_ERR_USAGE, "%s: --%s: expected %s, found nothing",
                                c->name, o->name, o->argument);
        value = next;
        *used = 1;
    }
    p->open = o->several ? o : NULL;
    if (!repeats(o) && p->given[row])
        return lm_error_set(p->err, LM_ERR_USAGE, "%s: --%s is given twice", c->name, o->name);
    return store(p, row, value);
}

/* An argument that is no option. */
static lm_status take_argument(parser *p, const char *text) {
    const lm_arguments *a = &p->command->arguments;
    if (p->open) return append(p, p->open->name, place_of(p, p->open), text);
    if (!a->name)
        return lm_error_set(p->err, LM_ERR_USAGE, "%s: unexpected argument \"%s\"",
                            p->command->name, text);
    if (takes_paths(lm_completes_argument(a->name)) && expand(p, a->name, &text) != LM_OK)
        return p->err->code;
    return append(p, a->name, (lm_option_texts *)(void *)(p->request + a->place), text);
}

static lm_status check_required(const parser *p) {
    const lm_command *c = p->command;
    const lm_arguments *a = &c->arguments;
    for (int i = 0; c->options[i].name; i++)
        if (c->options[i].alone && p->given[i]) return LM_OK;
    for (int i = 0; c->options[i].name; i++)
        if (c->options[i].required && !p->given[i])
            return lm_error_set(p->err, LM_ERR_USAGE, "%s: --%s is required (lmtrain %s --help)",
                                c->name, c->options[i].name, c->name);
    if (!a->name) return LM_OK;
    int n = ((const lm_option_texts *)(const void *)(p->request + a->place))->count;
    if (n >= a->least && n <= a->most) return LM_OK;
    char range[64];
    if (a->most == LM_OPTION_MOST_TEXTS)
        snprintf(range, sizeof range, "%d or more", a->least);
    else if (a->most > a->least)
        snprintf(range, sizeof range, "%d to %d", a->least, a->most);
    else
        snprintf(range, sizeof range, "%d", a->least);
    return lm_error_set(p->err, LM_ERR_USAGE,
                        "%s: expected %s arguments (%s), found %d (lmtrain %s --help)", c->name,
                        range, a->name, n, c->name);
}

lm_status lm_options_parse(const lm_command *command, int argc, const char *const *argv,
                           void *request, lm_error *err) {
    parser p = {.command = command, .request = request, .err = err};
    bool ended = false;
    lm_status status = LM_OK;
    LM_ASSERT(count_rows(command->options) <= MOST_ROWS);
    store_defaults(&p);
    for (int i = 0; i < argc && status == LM_OK; i++) {
        int used = 0;
        if (!ended && strcmp(argv[i], "--") == 0)
            ended = true, p.open = NULL;
        else if (!ended && strncmp(argv[i], "--", 2) == 0)
            status = take_option(&p, argv[i] + 2, i + 1 < argc ? argv[i + 1] : NULL, &used);
        else if (!ended && argv[i][0] == '-' && argv[i][1])
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "%s: unknown option %s (lmtrain %s --help lists them)",
                                  command->name, argv[i], command->name);
        else
            status = take_argument(&p, argv[i]);
        i += used;
    }
    if (status != LM_OK) return status;
    return check_required(&p);
}
