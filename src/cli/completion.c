#include "cli/completion.h"

#include <string.h>

#include "cli/commands.h"
#include "config/keys.h"

static const struct {
    const char *name;
    void (*print)(lm_text *out);
} shells[] = {
    {"bash", lm_completion_bash},
    {"zsh", lm_completion_zsh},
    {"fish", lm_completion_fish},
};
enum { COUNT = sizeof shells / sizeof *shells };

const char *lm_shell_name(int shell) {
    return shell >= 0 && shell < COUNT ? shells[shell].name : NULL;
}

void lm_completion(int shell, lm_text *out) {
    LM_ASSERT(shell >= 0 && shell < COUNT);
    lm_text_printf(out, "%s %s completion of lmtrain %s: lmtrain help --completion %s\n",
                   strcmp(shells[shell].name, "zsh") == 0 ? "#compdef lmtrain\n#" : "#",
                   shells[shell].name, LM_VERSION, shells[shell].name);
    shells[shell].print(out);
}

/* Where the name in help does not mean files. */
static const struct {
    const char *name;
    lm_completes completes;
} names[] = {
    {"DIR", LM_COMPLETES_DIRECTORIES},  {"KEY.PATH=VALUE", LM_COMPLETES_KEYS},
    {"COMMAND", LM_COMPLETES_COMMANDS}, {"TEXT", LM_COMPLETES_NOTHING},
    {".EXT", LM_COMPLETES_NOTHING},     {"IDS", LM_COMPLETES_NOTHING},
};

lm_completes lm_completes_argument(const char *name) {
    if (!name) return LM_COMPLETES_NOTHING;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, name) == 0) return names[i].completes;
    return LM_COMPLETES_FILES;
}

lm_completes lm_completes_option(const lm_option *o) {
    switch (o->kind) {
    case LM_OPTION_FLAG:
    case LM_OPTION_COUNT:
    case LM_OPTION_REAL:
        break;
    case LM_OPTION_TEXT:
    case LM_OPTION_OPTIONAL:
    case LM_OPTION_TEXTS:
        return lm_completes_argument(o->argument);
    case LM_OPTION_CHOICE:
    case LM_OPTION_CHOICES:
        return LM_COMPLETES_CHOICES;
    }
    return LM_COMPLETES_NOTHING;
}

void lm_completion_put_commands(lm_text *out) {
    for (int i = 0; lm_command_at(i); i++)
        lm_text_printf(out, "%s%s", i ? " " : "", lm_command_at(i)->name);
}

void lm_completion_put_choices(lm_text *out, const lm_option *o) {
    for (int i = 0; o->choice.name(i); i++)
        lm_text_printf(out, "%s%s", i ? " " : "", o->choice.name(i));
}

bool lm_completion_put_values(lm_text *out, int key) {
    const lm_key *k = lm_key_at(key);
    if (k->type == LM_KEY_BOOLEAN) lm_text_printf(out, "true false");
    if (k->type == LM_KEY_CHOICE)
        for (int i = 0; k->choice(i); i++) lm_text_printf(out, "%s%s", i ? " " : "", k->choice(i));
    return k->type == LM_KEY_BOOLEAN || k->type == LM_KEY_CHOICE;
}

void lm_completion_put_quoted(lm_text *out, const char *text, const char *escaped) {
    lm_text_append(out, "'", 1);
    for (; *text; text++) {
        if (strchr(escaped, *text))
            lm_text_append(out, "\\", 1);
        else if (*text == '\'')
            lm_text_append(out, "'\\'", 3);
        lm_text_append(out, text, 1);
    }
    lm_text_append(out, "'", 1);
}
