#include "text/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "text/json_line.h"

/* How far a 0x00 byte makes a file binary, and the bytes read at once. */
enum { ROOM = 1 << 20 };

/* ---- the buffer -------------------------------------------------------------------------------*/

static lm_status grow(lm_source *s, lm_error *err) {
    size_t capacity = lm_size_max(ROOM, 2 * s->capacity);
    char *grown = realloc(s->buffer, capacity);
    if (!grown) return lm_error_no_memory(err, s->name);
    s->buffer = grown;
    s->capacity = capacity;
    return LM_OK;
}

/* More of the stream behind what is unused, or the end. */
static lm_status fill(lm_source *s, lm_error *err) {
    size_t got, unused = s->end - s->begin;
    lm_status status;
    if (s->begin > 0 && unused > 0) memmove(s->buffer, s->buffer + s->begin, unused);
    s->begin = 0;
    s->end = unused;
    if (s->end == s->capacity && (status = grow(s, err)) != LM_OK) return status;
    size_t room = s->capacity - s->end;
    status = lm_stream_read(s->stream, s->buffer + s->end, room, &got, err);
    if (status != LM_OK) return status;
    s->ended = got < room;
    for (const char *p = s->buffer + s->end, *end = p + got;
         p < end && (p = memchr(p, 0, (size_t)(end - p))); p++)
        s->zeros++;
    s->end += got;
    return LM_OK;
}

lm_status lm_source_open(lm_source *s, const char *path, const lm_source_how *how, lm_spool *spool,
                         lm_error *err) {
    lm_source_close(s);
    s->name = lm_stream_name(path);
    s->how = *how;
    lm_status status = lm_stream_open(&s->stream, path, spool, err);
    if (status == LM_OK) status = fill(s, err);
    if (status != LM_OK) {
        lm_source_close(s);
        return status;
    }
    s->content = lm_content_recognise(s->buffer, s->end);
    return LM_OK;
}

void lm_source_close(lm_source *s) {
    lm_stream_close(s->stream);
    *s = (lm_source){.buffer = s->buffer, .capacity = s->capacity, .text = s->text};
}

void lm_source_free(lm_source *s) {
    lm_source_close(s);
    free(s->buffer);
    lm_text_free(&s->text);
    memset(s, 0, sizeof *s);
}

/* ---- JSON lines -------------------------------------------------------------------------------*/

/* The next line is s->buffer + s->begin, *size bytes without its end; *more: there is one. */
static lm_status find_line(lm_source *s, size_t *size, size_t *with_end, bool *more,
                           lm_error *err) {
    size_t searched = 0;
    for (;;) {
        const char *line = s->buffer + s->begin;
        size_t unused = s->end - s->begin;
        const char *end =
            unused > searched ? memchr(line + searched, '\n', unused - searched) : NULL;
        *size = end ? (size_t)(end - line) : unused;
        *with_end = *size + (end != NULL);
        *more = end || unused > 0;
        if (end || s->ended) return LM_OK;
        if (unused >= LM_JSON_LINE_MOST)
            return lm_error_damaged(err, "%s:%" PRId64 ": a line longer than %zu bytes", s->name,
                                    s->line + 1, LM_JSON_LINE_MOST);
        searched = unused;
        lm_status status = fill(s, err);
        if (status != LM_OK) return status;
    }
}

static lm_status next_line(lm_source *s, bool *more, lm_error *err) {
    for (;;) {
        size_t size, with_end;
        lm_status status = find_line(s, &size, &with_end, more, err);
        if (status != LM_OK || !*more) return status;
        s->line++;
        lm_json_line_kind kind;
        status = lm_json_line_text(s->name, s->line, s->buffer + s->begin, size, s->how.field,
                                   &s->text, &kind, err);
        if (status != LM_OK) return status;
        s->begin += with_end;
        s->text_at = 0;
        if (kind == LM_JSON_LINE_TEXT) return LM_OK;
        s->null += kind == LM_JSON_LINE_NULL;
    }
}

static void read_line(lm_source *s, char *data, size_t size, size_t *got) {
    *got = lm_size_min(size, s->text.length - s->text_at);
    if (*got > 0) memcpy(data, s->text.data + s->text_at, *got);
    s->text_at += *got;
}

/* ---- text -------------------------------------------------------------------------------------*/

/* How much of the buffer is surely of the document at hand: up to the separator, or up to where one
 * may begin. */
static void find_separator(lm_source *s) {
    const char *from = s->buffer + s->begin;
    size_t unused = s->end - s->begin, n = s->how.separator_size;
    const char *at = n > 0 && unused >= n ? memmem(from, unused, s->how.separator, n) : NULL;
    s->found = at != NULL;
    if (at)
        s->sure = (size_t)(at - from);
    else if (n == 0 || s->ended)
        s->sure = unused;
    else
        s->sure = unused >= n ? unused - (n - 1) : 0;
}

static lm_status read_text(lm_source *s, char *data, size_t size, size_t *got, lm_error *err) {
    while (s->sure == 0 && !s->found) {
        find_separator(s);
        if (s->sure > 0 || s->found || s->ended) break;
        lm_status status = fill(s, err);
        if (status != LM_OK) return status;
    }
    *got = lm_size_min(size, s->sure);
    if (*got > 0) memcpy(data, s->buffer + s->begin, *got);
    s->begin += *got;
    s->sure -= *got;
    if (*got > 0) return LM_OK;
    s->begin += s->found ? s->how.separator_size : 0;
    s->found = s->open = false;
    return LM_OK;
}

/* Behind a separator there is another document, if an empty one; not behind the end of a file. */
static lm_status next_text(lm_source *s, bool *more, lm_error *err) {
    if (s->how.separator_size == 0) {
        *more = !s->begun;
    } else {
        lm_status status = s->begin == s->end && !s->ended ? fill(s, err) : LM_OK;
        if (status != LM_OK) return status;
        *more = s->begin < s->end;
    }
    s->begun = s->open = true;
    return LM_OK;
}

/* Over the rest of the document at hand. */
static lm_status skip(lm_source *s, lm_error *err) {
    char passed[4096];
    size_t got;
    if (s->how.jsonl || s->how.separator_size == 0) return LM_OK;
    while (s->open) {
        lm_status status = lm_source_read(s, passed, sizeof passed, &got, err);
        if (status != LM_OK) return status;
    }
    return LM_OK;
}

/* ---- either -----------------------------------------------------------------------------------*/

lm_status lm_source_next(lm_source *s, bool *more, lm_error *err) {
    lm_status status = skip(s, err);
    *more = false;
    if (status != LM_OK) return status;
    return s->how.jsonl ? next_line(s, more, err) : next_text(s, more, err);
}

lm_status lm_source_read(lm_source *s, char *data, size_t size, size_t *got, lm_error *err) {
    *got = 0;
    if (s->how.jsonl) {
        read_line(s, data, size, got);
        return LM_OK;
    }
    return s->open ? read_text(s, data, size, got, err) : LM_OK;
}
