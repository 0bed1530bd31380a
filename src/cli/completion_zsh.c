/* zsh's _arguments takes a text per option: '*--set=[help]:KEY.PATH=VALUE:_lmtrain_key'. */
#include "cli/commands.h"
#include "cli/completion.h"
#include "config/keys.h"

static const char tail[] = "    esac\n"
                           "}\n"
                           "\n"
                           "# Read by `source`, or loaded as _lmtrain from $fpath.\n"
                           "if [[ $funcstack[1] == _lmtrain ]]; then\n"
                           "    _lmtrain \"$@\"\n"
                           "else\n"
                           "    compdef _lmtrain lmtrain\n"
                           "fi\n";

/* ":NAME:ACTION" behind an option's or argument's specification. */
static void put_action(lm_text *out, const char *name, lm_completes completes, const lm_option *o) {
    static const char *const actions[] = {
        [LM_COMPLETES_NOTHING] = " ",
        [LM_COMPLETES_FILES] = "_files",
        [LM_COMPLETES_DIRECTORIES] = "_files -/",
        [LM_COMPLETES_KEYS] = "_lmtrain_key",
    };
    lm_text_printf(out, ":%s:", name);
    if (completes == LM_COMPLETES_CHOICES || completes == LM_COMPLETES_COMMANDS) {
        lm_text_printf(out, "(");
        if (completes == LM_COMPLETES_CHOICES)
            lm_completion_put_choices(out, o);
        else
            lm_completion_put_commands(out);
        lm_text_printf(out, ")");
    } else {
        lm_text_printf(out, "%s", actions[completes]);
    }
}

static void put_option(lm_text *out, const lm_option *o) {
    bool repeats = o->kind == LM_OPTION_TEXTS || o->kind == LM_OPTION_CHOICES;
    lm_text_printf(out, " \\\n            %s--%s%s'['", repeats ? "\\*" : "", o->name,
                   o->kind == LM_OPTION_FLAG ? "" : "=");
    lm_completion_put_quoted(out, o->help, "[]\\");
    lm_text_printf(out, "']");
    if (o->kind == LM_OPTION_OPTIONAL) lm_text_printf(out, ":");
    if (o->kind != LM_OPTION_FLAG) put_action(out, o->argument, lm_completes_option(o), o);
    lm_text_printf(out, "'");
    if (o->letter) {
        lm_text_printf(out, " \\\n            -%c'['", o->letter);
        lm_completion_put_quoted(out, o->help, "[]\\");
        lm_text_printf(out, "']'");
    }
}

static void put_command(lm_text *out, const lm_command *c) {
    lm_text_printf(out, "    %s)\n        _arguments", c->name);
    for (const lm_option *o = c->options; o->name; o++) put_option(out, o);
    for (const lm_option *o = lm_options_everywhere; o->name; o++) put_option(out, o);
    if (c->arguments.name) {
        lm_text_printf(out, " \\\n            '%s", c->arguments.most == 1 ? "1" : "*");
        put_action(out, c->arguments.name, lm_completes_argument(c->arguments.name), NULL);
        lm_text_printf(out, "'");
    }
    lm_text_printf(out, " ;;\n");
}

/* _lmtrain_key completes KEY.PATH=VALUE: the key first, then its value. */
static void put_keys(lm_text *out) {
    lm_text_printf(out, "_lmtrain_key() {\n    local -a keys\n    if compset -P '*='; then\n"
                        "        case $IPREFIX in\n");
    for (int key = 0; key < lm_key_count(); key++) {
        lm_text values = {0};
        const lm_key *k = lm_key_at(key);
        if (lm_key_takes_string(k))
            lm_text_printf(out, "        *%s=) _files ;;\n", k->path);
        else if (lm_completion_put_values(&values, key))
            lm_text_printf(out, "        *%s=) compadd -- %s ;;\n", k->path, lm_text_cstr(&values));
        out->failed |= values.failed;
        lm_text_free(&values);
    }
    lm_text_printf(out, "        esac\n        return\n    fi\n    keys=(\n");
    for (int key = 0; key < lm_key_count(); key++) {
        lm_text_printf(out, "        %s:", lm_key_at(key)->path);
        lm_completion_put_quoted(out, lm_key_at(key)->help, "\\");
        lm_text_printf(out, "\n");
    }
    lm_text_printf(out, "    )\n    _describe -t keys key keys -S =\n}\n");
}

void lm_completion_zsh(lm_text *out) {
    put_keys(out);
    lm_text_printf(out, "_lmtrain() {\n    local -a commands\n    local command=train\n"
                        "    commands=(\n");
    for (int i = 0; lm_command_at(i); i++) {
        lm_text_printf(out, "        %s:", lm_command_at(i)->name);
        lm_completion_put_quoted(out, lm_command_at(i)->summary, "\\");
        lm_text_printf(out, "\n");
    }
    lm_text_printf(out, "    )\n    if [[ $words[2] != -* ]]; then\n"
                        "        if ((CURRENT == 2)); then\n"
                        "            _describe -t commands command commands\n"
                        "            return\n"
                        "        fi\n"
                        "        command=$words[2]\n"
                        "        shift words\n"
                        "        ((CURRENT--))\n"
                        "    fi\n"
                        "    case $command in\n");
    for (int i = 0; lm_command_at(i); i++) put_command(out, lm_command_at(i));
    lm_text_append(out, tail, sizeof tail - 1);
}
