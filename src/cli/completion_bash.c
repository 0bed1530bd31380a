/* bash splits words at "=", so the words of the line are joined again first, and a reply is cut to
 * what stands behind the last "=". Needs bash 4.3. */
#include "cli/commands.h"
#include "cli/completion.h"
#include "config/keys.h"

static const char head[] =
    "_lmtrain() {\n"
    "    local words=() word joined= cur command option= value kind= list= before= strip= i\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if ((${#words[@]})) && [[ $word == = || $joined ]]; then\n"
    "            words[-1]+=$word\n"
    "            [[ $word == = ]] && joined=yes || joined=\n"
    "        else\n"
    "            words+=(\"$word\")\n"
    "        fi\n"
    "    done\n"
    "    cur=${words[-1]} value=$cur\n"
    "    [[ ${words[0]} == -* ]] && command=train || command=${words[0]}\n"
    "    if [[ $cur == --*=* ]]; then\n"
    "        option=${cur%%=*} value=${cur#*=} before=${cur%%=*}=\n"
    "    elif ((${#words[@]} > 1)); then\n"
    "        option=${words[-2]}\n"
    "    else\n"
    "        option=first\n"
    "    fi\n"
    "    case $command:$option in\n"
    "    *:first) [[ $cur == -* ]] || kind=words list='";

static const char tail[] =
    "    case $kind in\n"
    "    files)\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$value\")\n"
    "        compopt -o filenames 2>/dev/null ;;\n"
    "    directories)\n"
    "        mapfile -t COMPREPLY < <(compgen -d -- \"$value\")\n"
    "        compopt -o filenames 2>/dev/null ;;\n"
    "    words) mapfile -t COMPREPLY < <(compgen -W \"$list\" -- \"$value\") ;;\n"
    "    esac\n"
    "    [[ $COMP_WORDBREAKS == *=* ]] && strip=${cur%\"${cur##*=}\"}\n"
    "    for i in \"${!COMPREPLY[@]}\"; do\n"
    "        word=$before${COMPREPLY[i]}\n"
    "        COMPREPLY[i]=${word#\"$strip\"}\n"
    "        [[ $word == *= ]] && compopt -o nospace 2>/dev/null\n"
    "    done\n"
    "    return 0\n"
    "}\n"
    "complete -F _lmtrain lmtrain\n";

static const char *kind_of(lm_completes completes) {
    static const char *const kinds[] = {
        [LM_COMPLETES_FILES] = "files",    [LM_COMPLETES_DIRECTORIES] = "directories",
        [LM_COMPLETES_CHOICES] = "words",  [LM_COMPLETES_KEYS] = "keys",
        [LM_COMPLETES_COMMANDS] = "words", [LM_COMPLETES_NOTHING] = "nothing",
    };
    return kinds[completes];
}

static void put_option(lm_text *out, const lm_command *c, const lm_option *o) {
    lm_completes completes = lm_completes_option(o);
    if (o->kind == LM_OPTION_FLAG) return;
    lm_text_printf(out, "    %s:--%s) ", c->name, o->name);
    /* A value that may be left out is not expected where another option begins. */
    if (o->kind == LM_OPTION_OPTIONAL) lm_text_printf(out, "[[ $value == -* ]] || ");
    lm_text_printf(out, "kind=%s", kind_of(completes));
    if (completes == LM_COMPLETES_CHOICES) {
        lm_text_printf(out, " list='");
        lm_completion_put_choices(out, o);
        lm_text_printf(out, "'");
    }
    lm_text_printf(out, " ;;\n");
}

/* Behind the options with values: the command's options, or its arguments. */
static void put_rest(lm_text *out, const lm_command *c) {
    lm_completes completes = lm_completes_argument(c->arguments.name);
    lm_text_printf(out,
                   "    %s)\n        if [[ $value == -* ]]; then\n            kind=words list='",
                   c->name);
    for (const lm_option *o = c->options; o->name; o++) lm_text_printf(out, "--%s ", o->name);
    for (const lm_option *o = lm_options_everywhere; o->name; o++)
        lm_text_printf(out, o[1].name ? "--%s " : "--%s", o->name);
    lm_text_printf(out, "'\n        else\n            kind=%s", kind_of(completes));
    if (completes == LM_COMPLETES_COMMANDS) {
        lm_text_printf(out, " list='");
        lm_completion_put_commands(out);
        lm_text_printf(out, "'");
    }
    lm_text_printf(out, "\n        fi ;;\n");
}

static void put_keys(lm_text *out) {
    lm_text_printf(out, "    if [[ $kind == keys ]]; then\n        kind=words\n"
                        "        case $value in\n");
    for (int key = 0; key < lm_key_count(); key++) {
        lm_text values = {0};
        const lm_key *k = lm_key_at(key);
        if (lm_key_takes_string(k))
            lm_text_printf(out, "        %s=*) kind=files ;;\n", k->path);
        else if (lm_completion_put_values(&values, key))
            lm_text_printf(out, "        %s=*) list='%s' ;;\n", k->path, lm_text_cstr(&values));
        out->failed |= values.failed;
        lm_text_free(&values);
    }
    lm_text_printf(out, "        *=*) kind= ;;\n        *) list='");
    for (int key = 0; key < lm_key_count(); key++)
        lm_text_printf(out, "%s%s=", key ? " " : "", lm_key_at(key)->path);
    lm_text_printf(out, "' ;;\n        esac\n        if [[ $value == *=* ]]; then\n"
                        "            before+=${value%%%%=*}= value=${value#*=}\n"
                        "        fi\n    fi\n");
}

void lm_completion_bash(lm_text *out) {
    lm_text_append(out, head, sizeof head - 1);
    lm_completion_put_commands(out);
    lm_text_printf(out, "' ;;\n");
    for (int i = 0; lm_command_at(i); i++)
        for (const lm_option *o = lm_command_at(i)->options; o->name; o++)
            put_option(out, lm_command_at(i), o);
    lm_text_printf(out, "    esac\n    [[ $kind ]] || case $command in\n");
    for (int i = 0; lm_command_at(i); i++) put_rest(out, lm_command_at(i));
    lm_text_printf(out, "    esac\n");
    put_keys(out);
    lm_text_append(out, tail, sizeof tail - 1);
}
