/* What --help prints, from the tables. */
#include <string.h>

#include "cli/options.h"

enum { WIDTH = 80, OPTION_COLUMN = 29, CODE_COLUMN = 12 };

const lm_exit_code lm_exit_codes[] = {
    {"0", "done"},
    {"1", "runtime failure: a file or directory that is missing, damaged or cannot be read or"
          " written, data too; memory"},
    {"2", "usage or config: also a config file that cannot be opened, and a file that is something"
          " else than the command takes"},
    {"3", "diverged: a loss or a gradient is not finite"},
    {"4", "interrupted: train has written a checkpoint, from which --resume goes on, or one of"
          " several processes was lost (run.interrupt_exit_code replaces the 4); bench has printed"
          " what it measured"},
    {"5", "a full disk, with --wait-for-room"},
    {"130, 143", "stopped at once by a second SIGINT, SIGTERM"},
    {0},
};

/* `left` from column 2 on, then `text` from `column` on, broken at spaces so that lines fit. */
static void put_row(lm_text *out, const char *left, int column, const char *text) {
    lm_text_printf(out, "  %-*s", column - 2, left);
    size_t room = (size_t)(WIDTH - column);
    if (strlen(left) > (size_t)column - 3) lm_text_printf(out, "\n%*s", column, "");
    while (strlen(text) > room) {
        size_t end = room;
        while (end > 0 && text[end] != ' ') end--;
        if (end == 0) break; /* a word longer than the room stands as it is */
        lm_text_printf(out, "%.*s\n%*s", (int)end, text, column, "");
        text += end + 1;
    }
    lm_text_printf(out, "%s\n", text);
}

/* "; default 256"; nothing when there is none. */
static void put_default(lm_text *out, const lm_option *o) {
    if (o->kind == LM_OPTION_COUNT && o->count.by_default >= o->count.least &&
        o->count.by_default <= o->count.most)
        lm_text_printf(out, "; default %lld", (long long)o->count.by_default);
    if (o->kind == LM_OPTION_REAL && o->real.by_default >= o->real.least &&
        o->real.by_default <= o->real.most)
        lm_text_printf(out, "; default %g", o->real.by_default);
    if (o->kind == LM_OPTION_CHOICE && o->choice.by_default >= 0)
        lm_text_printf(out, "; default %s", o->choice.name(o->choice.by_default));
    if (o->kind == LM_OPTION_CHOICES) {
        const char *before = "; default ";
        for (int i = 0; o->choice.name(i); i++)
            if (o->choice.set_by_default >> i & 1u) {
                lm_text_printf(out, "%s%s", before, o->choice.name(i));
                before = ", ";
            }
    }
}

void lm_option_synopsis(const lm_option *o, lm_text *out) {
    bool optional = o->kind == LM_OPTION_OPTIONAL;
    if (o->letter) lm_text_printf(out, "-%c, ", o->letter);
    lm_text_printf(out, "--%s", o->name);
    if (o->argument) lm_text_printf(out, optional ? " [%s]" : " %s", o->argument);
}

void lm_option_explain(const lm_option *o, lm_text *out) {
    lm_text facts = {0};
    lm_option_describe(o, &facts);
    put_default(&facts, o);
    if (o->required) lm_text_printf(&facts, "; required");
    if (o->kind == LM_OPTION_TEXTS || o->kind == LM_OPTION_CHOICES)
        lm_text_printf(&facts, "; may be repeated");
    const char *f = lm_text_cstr(&facts);
    if (strncmp(f, "; ", 2) == 0) f += 2;
    lm_text_printf(out, *f ? "%s (%s)" : "%s", o->help, f);
    out->failed |= facts.failed;
    lm_text_free(&facts);
}

static void put_option(lm_text *out, const lm_option *o) {
    lm_text left = {0}, text = {0};
    lm_option_synopsis(o, &left);
    lm_option_explain(o, &text);
    put_row(out, lm_text_cstr(&left), OPTION_COLUMN, lm_text_cstr(&text));
    out->failed |= left.failed || text.failed;
    lm_text_free(&left);
    lm_text_free(&text);
}

void lm_options_help(const lm_command *c, lm_text *out) {
    lm_text_printf(out, "lmtrain %s: %s\n\nUsage:\n  lmtrain %s %s\n\nOptions:\n", c->name,
                   c->summary, c->name, c->usage);
    for (const lm_option *o = c->options; o->name; o++) put_option(out, o);
    for (const lm_option *o = lm_options_everywhere; o->name; o++) put_option(out, o);
    lm_text_printf(out, "\nExample:\n%s", c->example);
    lm_options_exit_codes(out);
}

void lm_options_exit_codes(lm_text *out) {
    lm_text_printf(out, "\nExit codes:\n");
    for (const lm_exit_code *e = lm_exit_codes; e->code; e++)
        put_row(out, e->code, CODE_COLUMN, e->meaning);
}
