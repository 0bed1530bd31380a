#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const lm_option help_option = {"help", NULL, "this text", false};
static const char *const everywhere[] = {"help", "version"};

static int find(const lm_command *c, const char *name, size_t length) {
    for (int i = 0; c->options[i].name; i++)
        if (strlen(c->options[i].name) == length && strncmp(c->options[i].name, name, length) == 0)
            return i;
    return -1;
}

static const char *candidate(int i, const void *command) {
    const lm_command *c = command;
    int n = 0;
    while (c->options[n].name) n++;
    return i < n ? c->options[i].name : i < n + 2 ? everywhere[i - n] : NULL;
}

static lm_status unknown(const lm_command *c, const char *name, lm_error *err) {
    char option[80], near[LM_TEXT_SUGGESTION_SIZE];
    const char *found = lm_text_nearest(name, candidate, c);
    if (found) snprintf(option, sizeof option, "--%s", found);
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: unknown option --%s%s (lmtrain %s --help lists them)", c->name, name,
                        lm_text_did_you_mean(near, found ? option : NULL), c->name);
}

/* May it stand without its argument? */
static bool is_optional(const lm_option *option) {
    return option->argument && option->argument[0] == '[';
}

bool lm_options_ask_for(const lm_command *c, int argc, const char *const *argv, const char *what) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], what) == 0) return true;
        if (strncmp(argv[i], "--", 2) != 0) continue;
        int row = find(c, argv[i] + 2, strlen(argv[i] + 2));
        if (row >= 0 && c->options[row].argument && !is_optional(&c->options[row])) i++;
    }
    return false;
}

static lm_status take_option(lm_options *o, const char *text, int left, const char *const *next,
                             int *used, lm_error *err) {
    const lm_command *c = o->command;
    size_t length = strcspn(text, "=");
    int row = find(c, text, length);
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)(length < 100 ? length : 100), text);
    if (row < 0) return unknown(c, name, err);
    const lm_option *option = &c->options[row];
    const char *value = text[length] == '=' ? text + length + 1 : NULL;
    *used = 0;
    if (!option->argument && value)
        return lm_error_set(err, LM_ERR_USAGE, "%s: --%s takes no value, found \"%s\"", c->name,
                            name, value);
    bool without = is_optional(option) && (left == 0 || next[0][0] == '-');
    if (option->argument && !value && !without) {
        if (left == 0)
            return lm_error_set(err, LM_ERR_USAGE, "%s: --%s: expected %s, found nothing", c->name,
                                name, option->argument);
        value = next[0];
        *used = 1;
    }
    if (!option->repeats && lm_options_has(o, option->name))
        return lm_error_set(err, LM_ERR_USAGE, "%s: --%s is given twice", c->name, name);
    if (o->count == LM_OPTIONS_MAX)
        return lm_error_set(err, LM_ERR_USAGE, "%s: more than %d options", c->name, LM_OPTIONS_MAX);
    o->given[o->count] = row;
    o->values[o->count++] = value;
    return LM_OK;
}

lm_status lm_options_parse(lm_options *o, const lm_command *command, int argc,
                           const char *const *argv, lm_error *err) {
    memset(o, 0, sizeof *o);
    o->command = command;
    bool ended = false;
    for (int i = 0; i < argc; i++) {
        int used = 0;
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
        } else if (!ended && strncmp(argv[i], "--", 2) == 0) {
            lm_status status = take_option(o, argv[i] + 2, argc - i - 1, argv + i + 1, &used, err);
            if (status != LM_OK) return status;
            i += used;
        } else if (!ended && argv[i][0] == '-' && argv[i][1]) {
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s: unknown option %s (lmtrain %s --help lists them)",
                                command->name, argv[i], command->name);
        } else if (!command->takes_files) {
            return lm_error_set(err, LM_ERR_USAGE, "%s: unexpected argument \"%s\"", command->name,
                                argv[i]);
        } else if (o->n_files == LM_OPTIONS_MAX) {
            return lm_error_set(err, LM_ERR_USAGE, "%s: more than %d files", command->name,
                                LM_OPTIONS_MAX);
        } else {
            o->files[o->n_files++] = argv[i];
        }
    }
    return LM_OK;
}

bool lm_options_has(const lm_options *o, const char *name) {
    for (int i = 0; i < o->count; i++)
        if (strcmp(o->command->options[o->given[i]].name, name) == 0) return true;
    return false;
}

int lm_options_values(const lm_options *o, const char *name, const char *values[LM_OPTIONS_MAX]) {
    int n = 0;
    LM_ASSERT(find(o->command, name, strlen(name)) >= 0);
    for (int i = 0; i < o->count; i++)
        if (strcmp(o->command->options[o->given[i]].name, name) == 0) values[n++] = o->values[i];
    return n;
}

const char *lm_options_value(const lm_options *o, const char *name) {
    const char *values[LM_OPTIONS_MAX];
    return lm_options_values(o, name, values) > 0 ? values[0] : NULL;
}

lm_status lm_options_required(const lm_options *o, const char *name, const char **out,
                              lm_error *err) {
    *out = lm_options_value(o, name);
    if (*out) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE, "%s: --%s is required (lmtrain %s --help)",
                        o->command->name, name, o->command->name);
}

lm_status lm_options_integer(const lm_options *o, const char *name, int64_t low, int64_t high,
                             int64_t standard, int64_t *out, lm_error *err) {
    const char *text = lm_options_value(o, name);
    char *end;
    *out = standard;
    if (!text) return LM_OK;
    errno = 0;
    long long x = strtoll(text, &end, 10);
    if (errno || end == text || *end || x < low || x > high)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: --%s: expected a whole number from %lld to %lld, found"
                            " \"%s\"",
                            o->command->name, name, (long long)low, (long long)high, text);
    *out = x;
    return LM_OK;
}

lm_status lm_options_real(const lm_options *o, const char *name, double low, double high,
                          double standard, double *out, lm_error *err) {
    const char *text = lm_options_value(o, name);
    char *end;
    *out = standard;
    if (!text) return LM_OK;
    double x = strtod(text, &end);
    if (end == text || *end || !(x >= low && x <= high))
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: --%s: expected a number from %g to %g, found \"%s\"",
                            o->command->name, name, low, high, text);
    *out = x;
    return LM_OK;
}

static void print_option(const lm_option *option, lm_text *out) {
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    lm_text_printf(out, "  %-26s %s\n", left, option->help);
}

void lm_options_help(const lm_command *c, lm_text *out) {
    lm_text_printf(out, "lmtrain %s: %s\n\nUsage:\n  lmtrain %s %s\n\nOptions:\n", c->name,
                   c->summary, c->name, c->usage);
    for (int i = 0; c->options[i].name; i++) print_option(&c->options[i], out);
    print_option(&help_option, out);
    lm_text_printf(out, "\nExample:\n%s" LM_EXIT_CODES, c->example);
}
