#include "cli/manual.h"

#include <string.h>

#include "cli/commands.h"
#include "config/keys.h"

/* Text as roff prints it: no requests at the start of a line, no ligatures of quotes, a hyphen that
 * can be pasted. */
static void put_text(lm_text *out, const char *text) {
    static const struct {
        const char *plain, *roff;
    } escapes[] = {{"\\", "\\e"},  {"-", "\\-"},   {"'", "\\(aq"}, {"^", "\\(ha"},
                   {"~", "\\(ti"}, {"`", "\\(ga"}, {"\"", "\\(dq"}};
    bool line_begins = true;
    for (; *text; text++) {
        const char *roff = NULL;
        for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
            if (*text == *escapes[i].plain) roff = escapes[i].roff;
        if (line_begins && *text == '.') lm_text_printf(out, "\\&");
        if (roff)
            lm_text_printf(out, "%s", roff);
        else
            lm_text_append(out, text, 1);
        line_begins = *text == '\n';
    }
}

static void put_paragraph(lm_text *out, const char *text) {
    lm_text_printf(out, ".PP\n");
    put_text(out, text);
    lm_text_printf(out, "\n");
}

/* Lines as they are, without the indentation of help. */
static void put_lines(lm_text *out, const char *text) {
    lm_text_printf(out, ".PP\n.RS\n.nf\n");
    while (*text) {
        lm_text line = {0};
        size_t n = strcspn(text, "\n");
        size_t indent = strspn(text, " ");
        if (indent > 2) indent = 2;
        lm_text_append(&line, text + indent, n - indent);
        put_text(out, lm_text_cstr(&line));
        lm_text_printf(out, "\n");
        out->failed |= line.failed;
        lm_text_free(&line);
        text += n + (text[n] == '\n');
    }
    lm_text_printf(out, ".fi\n.RE\n");
}

static void put_item(lm_text *out, const char *name, const char *text) {
    lm_text_printf(out, ".TP\n\\fB");
    put_text(out, name);
    lm_text_printf(out, "\\fR\n");
    put_text(out, text);
    lm_text_printf(out, "\n");
}

static void put_option(lm_text *out, const lm_option *o) {
    lm_text name = {0}, text = {0};
    lm_option_synopsis(o, &name);
    lm_option_explain(o, &text);
    put_item(out, lm_text_cstr(&name), lm_text_cstr(&text));
    out->failed |= name.failed || text.failed;
    lm_text_free(&name);
    lm_text_free(&text);
}

static void put_command(lm_text *out, const lm_command *c) {
    lm_text usage = {0};
    lm_text_printf(out, ".SS lmtrain ");
    put_text(out, c->name);
    lm_text_printf(out, "\n");
    put_text(out, c->summary);
    lm_text_printf(out, ".\n");
    lm_text_printf(&usage, "lmtrain %s %s\n", c->name, c->usage);
    put_lines(out, lm_text_cstr(&usage));
    out->failed |= usage.failed;
    lm_text_free(&usage);
    for (const lm_option *o = c->options; o->name; o++) put_option(out, o);
    put_paragraph(out, "For example:");
    put_lines(out, c->example);
}

static void put_key(lm_text *out, const lm_key *k) {
    lm_text name = {0}, text = {0};
    lm_text_printf(&name, "%s", k->path);
    lm_text_printf(&text, "%s", k->help);
    if (k->depends) lm_text_printf(&text, " Depends on %s", k->depends);
    if (k->depends_too) lm_text_printf(&text, " and %s", k->depends_too);
    if (k->depends) lm_text_printf(&text, ".");
    lm_text_printf(&text, " (");
    lm_key_describe(k, &text);
    if (k->required)
        lm_text_printf(&text, "; required");
    else if (*k->default_value)
        lm_text_printf(&text, "; default %s", k->default_value);
    lm_text_printf(&text, k->may_change ? ")" : "; cannot change when a run is resumed)");
    put_item(out, lm_text_cstr(&name), lm_text_cstr(&text));
    out->failed |= name.failed || text.failed;
    lm_text_free(&name);
    lm_text_free(&text);
}

static void put_head(lm_text *out) {
    lm_text_printf(out,
                   ".\\\" Made by `lmtrain help --man` from the tables of --help.\n"
                   ".TH LMTRAIN 1 \"%s\" \"lmtrain %s\" \"User Commands\"\n"
                   ".SH NAME\nlmtrain \\- train language models on CPUs\n"
                   ".SH SYNOPSIS\n",
                   LM_RELEASED, LM_VERSION);
    lm_text_printf(out, ".B lmtrain\n\\-\\-config \\fIrun.json\\fR [\\-\\-resume]"
                        " [\\-\\-set \\fIkey.path\\fR=\\fIvalue\\fR]...\n.br\n"
                        ".B lmtrain\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n"
                        ".SH DESCRIPTION\n");
    put_text(
        out,
        "lmtrain trains language models on CPUs. A run config in JSON and tokenized text go in,"
        " checkpoints come out. A run that was stopped resumes to the bit.");
    put_paragraph(out, "Without a command, options are those of train. Every command takes:");
    for (const lm_option *o = lm_options_everywhere; o->name; o++) put_option(out, o);
}

/* What each preset of the model sets. */
static void put_presets(lm_text *out) {
    for (int p = 1; lm_preset_name(p); p++) {
        lm_text name = {0}, text = {0};
        lm_text_printf(&name, "model.preset %s", lm_preset_name(p));
        for (int i = 0; i < lm_n_presets; i++)
            if (lm_presets[i].preset == p)
                lm_text_printf(&text, "%s%s %s", text.length ? ", " : "sets ", lm_presets[i].path,
                               lm_presets[i].value);
        put_item(out, lm_text_cstr(&name), lm_text_cstr(&text));
        out->failed |= name.failed || text.failed;
        lm_text_free(&name);
        lm_text_free(&text);
    }
}

static void put_keys(lm_text *out) {
    const lm_section *s;
    lm_text_printf(out, ".SH CONFIG\n");
    put_text(out, "A run config is a JSON object of sections; // and /* */ comments are allowed."
                  " Paths are relative to the directory that lmtrain is run in."
                  " --set section.key=value overrides a key.");
    lm_text_printf(out, "\n");
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++) {
        lm_text_printf(out, ".SS %s\n", s->name);
        for (int j = 0; j < s->n_keys; j++) put_key(out, &s->keys[j]);
        if (strcmp(s->name, "model") == 0) put_presets(out);
    }
}

static void put_signals(lm_text *out) {
    lm_text_printf(out, ".SH SIGNALS\n");
    put_text(out, "SIGINT, SIGTERM and SIGHUP make train finish the step, write a checkpoint and"
                  " stop; a second one stops it at once. SIGUSR1 makes it write a checkpoint and"
                  " go on.");
    lm_text_printf(out, "\n");
}

void lm_manual(lm_text *out) {
    put_head(out);
    lm_text_printf(out, ".SH COMMANDS\n");
    for (int i = 0; lm_command_at(i); i++) put_command(out, lm_command_at(i));
    put_keys(out);
    lm_text_printf(out, ".SH EXIT STATUS\n");
    for (const lm_exit_code *e = lm_exit_codes; e->code; e++) put_item(out, e->code, e->meaning);
    put_signals(out);
}
