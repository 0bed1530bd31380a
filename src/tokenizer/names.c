#include "tokenizer/names.h"

#include <string.h>

#include "tokenizer/alphabet.h"

enum { SPACE = sizeof LM_NAME_SPACE - 1 };

void lm_name_print(lm_vocabulary_form form, const void *bytes, size_t size, lm_text *out) {
    const char *p = bytes;
    if (form == LM_FORM_BYTES) {
        lm_alphabet_print(bytes, size, out);
    } else if (form == LM_FORM_SENTENCE) {
        for (size_t i = 0; i < size; i++)
            lm_text_append(out, p[i] == ' ' ? LM_NAME_SPACE : p + i, p[i] == ' ' ? SPACE : 1);
    } else {
        lm_text_append(out, bytes, size);
    }
}

static bool parse_sentence(const char *name, size_t size, lm_text *out) {
    if (memchr(name, ' ', size)) return false;
    for (size_t i = 0; i < size;) {
        bool space = size - i >= SPACE && memcmp(name + i, LM_NAME_SPACE, SPACE) == 0;
        lm_text_append(out, space ? " " : name + i, 1);
        i += space ? SPACE : 1;
    }
    return true;
}

bool lm_name_parse(lm_vocabulary_form form, const char *name, size_t size, lm_text *out) {
    if (form == LM_FORM_BYTES) return lm_alphabet_parse(name, size, out);
    if (form == LM_FORM_SENTENCE) return parse_sentence(name, size, out);
    lm_text_append(out, name, size);
    return true;
}

int lm_name_byte(const char *name, size_t size) {
    static const char digits[] = "0123456789ABCDEF";
    if (size != 6 || memcmp(name, "<0x", 3) != 0 || name[5] != '>') return -1;
    const char *high = memchr(digits, name[3], 16), *low = memchr(digits, name[4], 16);
    return high && low ? (int)((high - digits) * 16 + (low - digits)) : -1;
}

void lm_vocabulary_name(const lm_vocabulary *v, int64_t id, lm_text *out) {
    size_t size;
    const unsigned char *bytes = lm_vocabulary_bytes(v, id, &size);
    if (v->tokens[id].byte)
        lm_text_printf(out, "<0x%02X>", bytes[0]);
    else if (v->tokens[id].hidden)
        lm_text_append(out, bytes, size);
    else
        lm_name_print(v->form, bytes, size, out);
}
