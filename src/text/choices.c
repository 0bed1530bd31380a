#include "text/choices.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "containers/json_tree.h"
#include "text/stream.h"

#define MOST_BYTES ((size_t)1 << 30) /* of a file */

typedef struct reader {
    lm_choices *c;
    const char *file;
    int64_t line;
    const lm_json_node *object; /* the line */
    lm_choices_item item;       /* of it */
    lm_text text;               /* being put together */
    lm_status status;           /* of the first error */
    lm_error *err;
} reader;

/* ---- errors -----------------------------------------------------------------------------------*/

static void wrong(reader *r, const char *expected, const char *key) {
    if (r->status != LM_OK) return;
    r->status = lm_error_set(
        r->err, LM_ERR_USAGE, "%s:%" PRId64 ": expected %s at \"%s\", found %s", r->file, r->line,
        expected, key, lm_json_node_member(r->object, key) ? "something else" : "none");
}

static void no_memory(reader *r) {
    if (r->status == LM_OK) r->status = lm_error_no_memory(r->err, r->file);
}

/* ---- members ----------------------------------------------------------------------------------*/

static const char *text_of(reader *r, const lm_json_node *object, const char *key) {
    const lm_json_node *m = lm_json_node_member(object, key);
    if (m && m->kind == LM_JSON_STRING) return m->string;
    wrong(r, "a text", key);
    return "";
}

static const lm_json_node *list_of(reader *r, const lm_json_node *object, const char *key) {
    const lm_json_node *m = lm_json_node_member(object, key);
    if (m && m->kind == LM_JSON_ARRAY) return m;
    wrong(r, "a list", key);
    return NULL;
}

static bool has(const reader *r, const char *key) {
    return lm_json_node_member(r->object, key) != NULL;
}

/* ---- putting an item together -----------------------------------------------------------------*/

/* Where the text begins in the bytes of all. */
static size_t keep(reader *r, const char *text) {
    size_t at = r->c->bytes.length;
    lm_text_append(&r->c->bytes, text, strlen(text) + 1);
    if (r->c->bytes.failed) no_memory(r);
    return at;
}

static void put_context(reader *r, const char *text) {
    r->item.context = keep(r, text);
}

static void put_choice(reader *r, const char *text) {
    lm_choices *c = r->c;
    if (r->item.n == LM_CHOICES_MOST) wrong(r, "at most 64 texts", "choices");
    if (!*text) wrong(r, "no empty text among the choices", "choices");
    if (r->status != LM_OK) return;
    if (c->n_places == c->places_capacity) {
        int64_t room = lm_max(1024, 2 * c->places_capacity);
        size_t *grown = realloc(c->places, (size_t)room * sizeof *grown);
        if (!grown) {
            no_memory(r);
            return;
        }
        c->places = grown;
        c->places_capacity = room;
    }
    c->places[c->n_places++] = keep(r, text);
    r->item.n++;
}

/* Texts in a list. */
static void put_choices(reader *r, const lm_json_node *list, const char *key) {
    for (const lm_json_node *m = list ? list->child : NULL; m; m = m->next) {
        if (m->kind != LM_JSON_STRING) wrong(r, "texts", key);
        if (r->status != LM_OK) return;
        put_choice(r, m->string);
    }
}

/* A number, or its digits in quotes, as some copies of the data sets have it. */
static void put_label(reader *r, const char *key) {
    const lm_json_node *m = lm_json_node_member(r->object, key);
    double x = -1;
    char *end;
    if (m && m->kind == LM_JSON_NUMBER) x = m->number;
    if (m && m->kind == LM_JSON_STRING && *m->string) {
        x = strtod(m->string, &end);
        if (*end) x = -1;
    }
    if (!(x >= 0 && x < r->item.n) || x != (double)(int)x) wrong(r, "the number of a choice", key);
    if (r->status == LM_OK) r->item.label = (int)x;
}

/* ---- the forms --------------------------------------------------------------------------------*/

static void read_plain(reader *r) {
    put_context(r, text_of(r, r->object, "context"));
    put_choices(r, list_of(r, r->object, "choices"), "choices");
    put_label(r, "label");
}

static bool is_space(char c) {
    return c && strchr(" \t\r\n\v\f", c);
}

/* HellaSwag: without white space around it, " [title]" as the end of a sentence, without what
 * stands in brackets, pairs of spaces as one. Overwrites r->text. */
static const char *cleaned(reader *r, const char *text) {
    static const char title[] = " [title]";
    size_t n = strlen(text);
    lm_text raw = {0};
    r->text.length = 0;
    while (n > 0 && is_space(text[n - 1])) n--;
    while (n > 0 && is_space(*text)) text++, n--;
    for (size_t i = 0; i < n;) {
        const char *close = text[i] == '[' ? memchr(text + i, ']', n - i) : NULL;
        bool line_ends = close && memchr(text + i, '\n', (size_t)(close - text) - i);
        if (n - i >= sizeof title - 1 && memcmp(text + i, title, sizeof title - 1) == 0) {
            lm_text_append(&raw, ". ", 2);
            i += sizeof title - 1;
        } else if (close && !line_ends) {
            i = (size_t)(close - text) + 1;
        } else {
            lm_text_append(&raw, text + i++, 1);
        }
    }
    for (size_t i = 0; i < raw.length; i++) {
        lm_text_append(&r->text, raw.data + i, 1);
        if (raw.data[i] == ' ' && i + 1 < raw.length && raw.data[i + 1] == ' ') i++;
    }
    if (raw.failed || r->text.failed) no_memory(r);
    lm_text_free(&raw);
    return lm_text_cstr(&r->text);
}

/* The first letter large, the others small (ASCII). */
static void append_capitalized(lm_text *out, const char *text) {
    for (const char *p = text; *p; p++) {
        int c = (unsigned char)*p;
        char put = (char)(c >= 0x80 ? c : p == text ? toupper(c) : tolower(c));
        lm_text_append(out, &put, 1);
    }
}

static void read_hellaswag(reader *r) {
    lm_text context = {0};
    if (has(r, "ctx_a")) {
        if (has(r, "activity_label"))
            lm_text_printf(&context, "%s: ", text_of(r, r->object, "activity_label"));
        lm_text_printf(&context, "%s ", text_of(r, r->object, "ctx_a"));
        if (has(r, "ctx_b")) append_capitalized(&context, text_of(r, r->object, "ctx_b"));
    } else {
        lm_text_printf(&context, "%s", text_of(r, r->object, "ctx"));
    }
    if (context.failed) no_memory(r);
    put_context(r, cleaned(r, lm_text_cstr(&context)));
    const lm_json_node *endings = list_of(r, r->object, "endings");
    for (const lm_json_node *m = endings ? endings->child : NULL; m; m = m->next) {
        if (m->kind != LM_JSON_STRING) wrong(r, "texts", "endings");
        if (r->status == LM_OK) put_choice(r, cleaned(r, m->string));
    }
    put_label(r, "label");
    lm_text_free(&context);
}

static void put_question(reader *r, const char *question) {
    r->text.length = 0;
    lm_text_printf(&r->text, "Question: %s\nAnswer:", question);
    if (r->text.failed) no_memory(r);
    put_context(r, lm_text_cstr(&r->text));
}

static void read_piqa(reader *r) {
    put_question(r, text_of(r, r->object, "goal"));
    put_choice(r, text_of(r, r->object, "sol1"));
    put_choice(r, text_of(r, r->object, "sol2"));
    put_label(r, "label");
}

/* The names of the choices ("A", "B", ...) are those of a list, or of its members. */
static void read_arc(reader *r) {
    const lm_json_node *question = lm_json_node_member(r->object, "question");
    bool whole = question && question->kind == LM_JSON_OBJECT;
    const lm_json_node *holder = whole ? question : r->object;
    const lm_json_node *choices = lm_json_node_member(holder, "choices");
    const char *key = text_of(r, r->object, "answerKey");
    put_question(r, whole ? text_of(r, question, "stem") : text_of(r, r->object, "question"));
    r->item.label = -1;
    if (choices && choices->kind == LM_JSON_OBJECT) {
        const lm_json_node *names = list_of(r, choices, "label");
        put_choices(r, list_of(r, choices, "text"), "text");
        int i = 0;
        for (const lm_json_node *m = names ? names->child : NULL; m && i < r->item.n;
             m = m->next, i++)
            if (m->kind == LM_JSON_STRING && strcmp(m->string, key) == 0) r->item.label = i;
    } else {
        choices = list_of(r, holder, "choices");
        for (const lm_json_node *m = choices ? choices->child : NULL; m && r->status == LM_OK;
             m = m->next) {
            if (strcmp(text_of(r, m, "label"), key) == 0) r->item.label = r->item.n;
            put_choice(r, text_of(r, m, "text"));
        }
    }
    if (r->item.label < 0) wrong(r, "the label of a choice", "answerKey");
}

static void read_blimp(reader *r) {
    put_context(r, "");
    put_choice(r, text_of(r, r->object, "sentence_good"));
    put_choice(r, text_of(r, r->object, "sentence_bad"));
    r->item.label = 0;
}

/* A line has the first form whose member it has. */
static const struct {
    const char *name, *member;
    void (*read)(reader *r);
} forms[] = {
    {"plain", "context", read_plain},
    {"HellaSwag", "endings", read_hellaswag},
    {"PIQA", "sol1", read_piqa},
    {"ARC", "answerKey", read_arc},
    {"BLiMP", "sentence_good", read_blimp},
};
enum { FORMS = sizeof forms / sizeof *forms };

/* ---- lines ------------------------------------------------------------------------------------*/

static void add_item(reader *r) {
    lm_choices *c = r->c;
    if (c->n_items == c->items_capacity) {
        int64_t room = lm_max(256, 2 * c->items_capacity);
        lm_choices_item *grown = realloc(c->items, (size_t)room * sizeof *grown);
        if (!grown) {
            no_memory(r);
            return;
        }
        c->items = grown;
        c->items_capacity = room;
    }
    c->items[c->n_items++] = r->item;
}

static void read_object(reader *r) {
    for (int i = 0; i < FORMS; i++) {
        if (!has(r, forms[i].member)) continue;
        if (!r->c->form) r->c->form = forms[i].name;
        forms[i].read(r);
        if (r->item.n < 2) wrong(r, "two choices or more", "choices");
        if (r->status == LM_OK) add_item(r);
        return;
    }
    r->status =
        lm_error_set(r->err, LM_ERR_USAGE,
                     "%s:%" PRId64 ": expected a question: {\"context\": TEXT, \"choices\":"
                     " [TEXT, ...], \"label\": N}, or the members of HellaSwag, PIQA, ARC or"
                     " BLiMP",
                     r->file, r->line);
}

static void read_line(reader *r, const char *line, size_t size) {
    lm_json_node *root;
    lm_json_stop stop = {0};
    size_t blank = 0;
    while (blank < size && is_space(line[blank])) blank++;
    if (blank == size) return;
    lm_status status = lm_json_tree_read(&root, r->file, line, size, &stop, r->err);
    if (status != LM_OK) {
        r->status = *stop.what ? lm_error_set(r->err, LM_ERR_USAGE, "%s:%" PRId64 ":%zu: %s",
                                              r->file, r->line, stop.at + 1, stop.what)
                               : status;
        return;
    }
    r->object = root;
    r->item = (lm_choices_item){.line = r->line, .first = r->c->n_places};
    read_object(r);
    lm_json_tree_free(root);
}

lm_status lm_choices_parse(lm_choices *c, const char *file, const char *text, size_t size,
                           int64_t most, lm_error *err) {
    reader r = {.c = c, .file = file, .err = err};
    *c = (lm_choices){0};
    for (size_t at = 0; at < size && r.status == LM_OK;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t n = end ? (size_t)(end - text) - at : size - at;
        if (most > 0 && c->n_items == most) break;
        r.line++;
        read_line(&r, text + at, n);
        at += n + (end != NULL);
    }
    if (r.status == LM_OK && c->n_items == 0)
        r.status = lm_error_set(err, LM_ERR_USAGE, "%s: expected questions, found none", file);
    if (r.status != LM_OK) lm_choices_free(c);
    lm_text_free(&r.text);
    return r.status;
}

lm_status lm_choices_read(lm_choices *c, const char *path, int64_t most, lm_error *err) {
    lm_stream *s;
    lm_text text = {0};
    char block[1 << 16];
    size_t got = sizeof block;
    *c = (lm_choices){0};
    lm_status status = lm_stream_open(&s, path, NULL, err);
    if (status != LM_OK) return status;
    while (status == LM_OK && got == sizeof block) {
        status = lm_stream_read(s, block, sizeof block, &got, err);
        lm_text_append(&text, block, got);
        if (status == LM_OK && text.failed) status = lm_error_no_memory(err, path);
        if (status == LM_OK && text.length > MOST_BYTES)
            status = lm_error_set(err, LM_ERR_USAGE, "%s: expected at most %zu bytes of questions",
                                  lm_stream_name(path), MOST_BYTES);
    }
    if (status == LM_OK)
        status =
            lm_choices_parse(c, lm_stream_name(path), lm_text_cstr(&text), text.length, most, err);
    lm_text_free(&text);
    lm_stream_close(s);
    return status;
}

const char *lm_choices_context(const lm_choices *c, int64_t item) {
    return c->bytes.data + c->items[item].context;
}
const char *lm_choices_choice(const lm_choices *c, int64_t item, int choice) {
    return c->bytes.data + c->places[c->items[item].first + choice];
}

void lm_choices_free(lm_choices *c) {
    free(c->items);
    free(c->places);
    lm_text_free(&c->bytes);
    *c = (lm_choices){0};
}
