#include "base/length.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WHOLE_MOST 9007199254740991.0 /* 2^53 - 1 */

/* The end of a decimal number at the head of the text, which has no sign; the text itself when it
 * has none. */
static const char *number_end(const char *text) {
    const char *at = text;
    while (isdigit((unsigned char)*at)) at++;
    if (at == text) return text;
    if (at[0] == '.' && isdigit((unsigned char)at[1]))
        for (at++; isdigit((unsigned char)*at);) at++;
    if (*at == 'e' || *at == 'E') {
        const char *digits = at + 1 + (at[1] == '+' || at[1] == '-');
        if (isdigit((unsigned char)*digits))
            for (at = digits; isdigit((unsigned char)*at);) at++;
    }
    return at;
}

static const char *skip_spaces(const char *at) {
    while (*at == ' ') at++;
    return at;
}

static double seconds_of(char unit) {
    return unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 0;
}

/* "1h30m": numbers with units that become shorter. */
static bool parse_time(const char *text, lm_length *out) {
    double sum = 0, last = INFINITY;
    while (*text) {
        const char *end = number_end(text), *unit = skip_spaces(end);
        double seconds = seconds_of(*unit);
        if (end == text || seconds == 0 || seconds >= last) return false;
        sum += strtod(text, NULL) * seconds;
        last = seconds;
        text = skip_spaces(unit + 1);
    }
    *out = (lm_length){sum, LM_LENGTH_SECONDS};
    return isfinite(last);
}

/* "step", "steps", whatever its case. */
static bool is_word(const char *text, const char *word) {
    size_t n = strlen(word);
    return strncasecmp(text, word, n) == 0 && (!text[n] || strcasecmp(text + n, "s") == 0);
}

static double thousands(char letter) {
    static const char letters[] = "kMGTPE";
    const char *at = letter == 'B' ? strchr(letters, 'G') : letter ? strchr(letters, letter) : NULL;
    double factor = 1;
    for (; at && at >= letters; at--) factor *= 1000;
    return factor;
}

bool lm_length_valid(const lm_length *l, unsigned units) {
    if (!(l->amount >= 0) || !isfinite(l->amount) || !(units & LM_LENGTH_BIT(l->unit)))
        return false;
    if (l->unit == LM_LENGTH_PERCENT) return l->amount <= 100;
    if (l->unit == LM_LENGTH_SECONDS || l->unit == LM_LENGTH_FLOPS) return true;
    return l->amount <= WHOLE_MOST && l->amount == floor(l->amount);
}

bool lm_length_parse(const char *text, lm_length *out) {
    static const char *const words[LM_LENGTH_UNITS] = {
        [LM_LENGTH_STEPS] = "step", [LM_LENGTH_TOKENS] = "token", [LM_LENGTH_FLOPS] = "flop"};
    const char *start = skip_spaces(text), *end = number_end(start), *rest = skip_spaces(end);
    lm_length l = {.unit = LM_LENGTH_UNITS};
    if (end == start) return false;
    if (!parse_time(start, &l)) {
        double factor = thousands(*rest);
        if (factor > 1) rest = skip_spaces(rest + 1);
        if (!*rest) l.unit = LM_LENGTH_STEPS;
        if (factor == 1 && strcmp(rest, "%") == 0) l.unit = LM_LENGTH_PERCENT;
        for (int unit = 0; unit < LM_LENGTH_UNITS; unit++)
            if (words[unit] && is_word(rest, words[unit])) l.unit = (lm_length_unit)unit;
        if (l.unit == LM_LENGTH_UNITS) return false;
        l.amount = strtod(start, NULL) * factor;
    }
    if (!lm_length_valid(&l, ~0u)) return false;
    *out = l;
    return true;
}

void lm_length_print(const lm_length *l, lm_text *out) {
    static const char *const after[LM_LENGTH_UNITS] = {
        [LM_LENGTH_STEPS] = "",    [LM_LENGTH_PERCENT] = "%",   [LM_LENGTH_TOKENS] = " tokens",
        [LM_LENGTH_SECONDS] = "s", [LM_LENGTH_FLOPS] = " flop",
    };
    lm_text_json_number(out, l->amount);
    lm_text_printf(out, "%s", after[l->unit]);
}

void lm_length_describe(unsigned units, lm_text *out) {
    static const char *const examples[LM_LENGTH_UNITS] = {
        [LM_LENGTH_STEPS] = "300",
        [LM_LENGTH_PERCENT] = "\"5%\"",
        [LM_LENGTH_TOKENS] = "\"2M tokens\"",
        [LM_LENGTH_SECONDS] = "\"30m\"",
        [LM_LENGTH_FLOPS] = "\"1e15 flop\"",
    };
    int left = 0;
    for (int u = 0; u < LM_LENGTH_UNITS; u++) left += (units & LM_LENGTH_BIT(u)) != 0;
    for (int u = 0; u < LM_LENGTH_UNITS; u++) {
        if (!(units & LM_LENGTH_BIT(u))) continue;
        left--;
        lm_text_printf(out, "%s%s", examples[u], left > 1 ? ", " : left == 1 ? " or " : "");
    }
}
