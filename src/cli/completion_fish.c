/* fish takes a `complete` per option; what is typed so far is the argument of conditions. */
#include "cli/commands.h"
#include "cli/completion.h"
#include "config/keys.h"

/* The command on the line is train when options come first. */
static const char head[] =
    "function __lmtrain_is\n"
    "    set -l words (commandline -opc)\n"
    "    set -q words[2]; and not string match -q -- '-*' $words[2]; or set words[2] train\n"
    "    test $words[2] = $argv[1]\n"
    "end\n"
    "function __lmtrain_behind\n"
    "    __lmtrain_is $argv[1]; and test (commandline -opc)[-1] = $argv[2]\n"
    "end\n"
    "function __lmtrain_first\n"
    "    test (count (commandline -opc)) -eq 1\n"
    "end\n";

static void put_option(lm_text *out, const lm_command *c, const lm_option *o) {
    static const char *const actions[] = {
        [LM_COMPLETES_NOTHING] = " -x",
        [LM_COMPLETES_FILES] = " -r -F",
        [LM_COMPLETES_DIRECTORIES] = " -x -a '(__fish_complete_directories)'",
        [LM_COMPLETES_KEYS] = " -x -a '(__lmtrain_key)'",
    };
    lm_completes completes = lm_completes_option(o);
    lm_text_printf(out, "complete -c lmtrain -n '__lmtrain_is %s' -l %s", c->name, o->name);
    if (o->letter) lm_text_printf(out, " -s %c", o->letter);
    lm_text_printf(out, " -d ");
    lm_completion_put_quoted(out, o->help, "'\\");
    if (o->kind == LM_OPTION_OPTIONAL) { /* -r would take away the options that may follow */
        lm_text_printf(out, "\ncomplete -c lmtrain -n '__lmtrain_behind %s --%s' -F\n", c->name,
                       o->name);
        return;
    }
    if (completes == LM_COMPLETES_CHOICES) {
        lm_text_printf(out, " -x -a '");
        lm_completion_put_choices(out, o);
        lm_text_printf(out, "'");
    } else if (o->kind != LM_OPTION_FLAG) {
        lm_text_printf(out, "%s", actions[completes]);
    }
    lm_text_printf(out, "\n");
}

static void put_command(lm_text *out, const lm_command *c) {
    lm_completes completes = lm_completes_argument(c->arguments.name);
    lm_text_printf(out, "complete -c lmtrain -n __lmtrain_first -a %s -d ", c->name);
    lm_completion_put_quoted(out, c->summary, "'\\");
    lm_text_printf(out, "\n");
    for (const lm_option *o = c->options; o->name; o++) put_option(out, c, o);
    for (const lm_option *o = lm_options_everywhere; o->name; o++) put_option(out, c, o);
    if (completes == LM_COMPLETES_NOTHING) return;
    lm_text_printf(out, "complete -c lmtrain -n 'not __lmtrain_first; and __lmtrain_is %s'",
                   c->name);
    if (completes == LM_COMPLETES_FILES) lm_text_printf(out, " -F\n");
    if (completes == LM_COMPLETES_DIRECTORIES)
        lm_text_printf(out, " -a '(__fish_complete_directories)'\n");
    if (completes == LM_COMPLETES_COMMANDS) {
        lm_text_printf(out, " -a '");
        lm_completion_put_commands(out);
        lm_text_printf(out, "'\n");
    }
}

/* __lmtrain_key prints KEY.PATH=VALUE candidates: of a path the files, of a key with known values
 * each of them, of others the key alone. */
static void put_keys(lm_text *out) {
    lm_text_printf(out, "function __lmtrain_key\n"
                        "    set -l token (string replace -r '^--set=' '' -- (commandline -ct))\n"
                        "    switch $token\n        case");
    for (int key = 0; key < lm_key_count(); key++)
        if (lm_key_takes_string(lm_key_at(key)))
            lm_text_printf(out, " '%s=*'", lm_key_at(key)->path);
    lm_text_printf(out, "\n            set -l parts (string split -m 1 = -- $token)\n"
                        "            string replace -r '^' \"$parts[1]=\" -- "
                        "(__fish_complete_path $parts[2])\n"
                        "            return\n    end\n");
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        lm_text values = {0};
        if (lm_completion_put_values(&values, key)) {
            lm_text_printf(out, "    printf '%s=%%s\\n' %s\n", k->path, lm_text_cstr(&values));
        } else {
            lm_text_printf(out, "    printf '%s=\\t%%s\\n' ", k->path);
            lm_completion_put_quoted(out, k->help, "'\\");
            lm_text_printf(out, "\n");
        }
        out->failed |= values.failed;
        lm_text_free(&values);
    }
    lm_text_printf(out, "end\n");
}

void lm_completion_fish(lm_text *out) {
    lm_text_append(out, head, sizeof head - 1);
    put_keys(out);
    lm_text_printf(out, "complete -c lmtrain -f\n");
    for (int i = 0; lm_command_at(i); i++) put_command(out, lm_command_at(i));
}
