#include "report/tensorboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/crc32c.h"

enum { MOST_WAITING = 1 << 20, MOST_TAG = 512, TRIES = 100 };

/* ---- protocol buffers -------------------------------------------------------------------------*/

/* Of tensorboard's protos: event.proto, summary.proto, tensor.proto. */
enum {
    EVENT_WALL_TIME = 1,
    EVENT_STEP = 2,
    EVENT_FILE_VERSION = 3,
    EVENT_SUMMARY = 5,
    EVENT_SESSION_LOG = 7,
    SESSION_LOG_STATUS = 1,
    SESSION_START = 1,
    SUMMARY_VALUE = 1,
    VALUE_TAG = 1,
    VALUE_SIMPLE = 2,
    VALUE_TENSOR = 8,
    VALUE_METADATA = 9,
    METADATA_PLUGIN_DATA = 1,
    PLUGIN_NAME = 1,
    METADATA_DATA_CLASS = 4,
    DATA_CLASS_TENSOR = 2,
    TENSOR_DTYPE = 1,
    DTYPE_STRING = 7,
    TENSOR_SHAPE = 2,
    TENSOR_STRING = 8,
    SHAPE_DIM = 2,
    DIM_SIZE = 1
};
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; /* how a field is written */

static void put_varint(lm_text *out, uint64_t x) {
    unsigned char bytes[10];
    size_t n = 0;
    do {
        bytes[n] = (unsigned char)((x & 127) | (x > 127 ? 128 : 0));
        x >>= 7;
        n++;
    } while (x > 0);
    lm_text_append(out, bytes, n);
}

static void put_key(lm_text *out, int field, int type) {
    put_varint(out, (uint64_t)(field << 3 | type));
}

static void put_number(lm_text *out, int field, uint64_t x) {
    put_key(out, field, VARINT);
    put_varint(out, x);
}

static void put_bytes(lm_text *out, int field, const void *bytes, size_t n) {
    put_key(out, field, BYTES);
    put_varint(out, n);
    lm_text_append(out, bytes, n);
}

static void put_message(lm_text *out, int field, lm_text *message) {
    put_bytes(out, field, lm_text_cstr(message), message->length);
    out->failed |= message->failed;
    lm_text_free(message);
}

static void put_double(lm_text *out, int field, double x) {
    unsigned char bytes[8];
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    lm_write_u64(bytes, bits);
    put_key(out, field, FIXED64);
    lm_text_append(out, bytes, sizeof bytes);
}

static void put_float(lm_text *out, int field, float x) {
    unsigned char bytes[4];
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    lm_write_u32(bytes, bits);
    put_key(out, field, FIXED32);
    lm_text_append(out, bytes, sizeof bytes);
}

/* ---- records ----------------------------------------------------------------------------------*/

static uint32_t masked(const void *data, size_t size) {
    uint32_t crc = lm_crc32c(data, size);
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static void put_record(lm_text *out, const lm_text *payload) {
    unsigned char head[12], tail[4];
    lm_write_u64(head, payload->length);
    lm_write_u32(head + 8, masked(head, 8));
    lm_write_u32(tail, masked(payload->data, payload->length));
    lm_text_append(out, head, sizeof head);
    lm_text_append(out, payload->data, payload->length);
    lm_text_append(out, tail, sizeof tail);
    out->failed |= payload->failed;
}

static lm_text begin_event(void) {
    lm_text event = {0};
    put_double(&event, EVENT_WALL_TIME, lm_clock_unix_seconds());
    return event;
}

static void put_start(lm_events *e, int64_t after) {
    static const char version[] = "brain.Event:2";
    lm_text event = begin_event(), log = {0};
    put_bytes(&event, EVENT_FILE_VERSION, version, sizeof version - 1);
    put_record(&e->waiting, &event);
    lm_text_free(&event);
    if (after == 0) return;
    event = begin_event();
    put_number(&event, EVENT_STEP, (uint64_t)after + 1);
    put_number(&log, SESSION_LOG_STATUS, SESSION_START);
    put_message(&event, EVENT_SESSION_LOG, &log);
    put_record(&e->waiting, &event);
    lm_text_free(&event);
}

/* What was written is dropped, even when the rest of a record has to wait. */
static lm_status flush(lm_events *e, lm_error *err) {
    lm_status status = LM_OK;
    size_t done = 0;
    while (done < e->waiting.length && status == LM_OK) {
        ssize_t n = write(e->fd, e->waiting.data + done, e->waiting.length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0)
            status = lm_error_call(err, e->path, "write");
        else
            done += (size_t)n;
    }
    if (done > 0) memmove(e->waiting.data, e->waiting.data + done, e->waiting.length - done);
    e->waiting.length -= done;
    return status;
}

/* ---- the file ---------------------------------------------------------------------------------*/

static lm_status make_file(lm_events *e, const char *directory, lm_error *err) {
    char host[65] = "";
    gethostname(host, sizeof host - 1);
    for (char *c = host; *c; c++)
        if (*c == '/' || (unsigned char)*c <= ' ' || (unsigned char)*c > '~') *c = '-';
    for (int i = 0; i < TRIES; i++) {
        lm_text path = {0};
        lm_text_printf(&path, "%s/events.out.tfevents.%010lld.%s.%ld", directory,
                       (long long)lm_clock_unix_seconds(), *host ? host : "host", (long)getpid());
        if (i > 0) lm_text_printf(&path, ".%d", i);
        free(e->path);
        e->path = path.failed ? NULL : strdup(lm_text_cstr(&path));
        lm_text_free(&path);
        if (!e->path) return lm_error_no_memory(err, directory);
        e->fd = open(e->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (e->fd >= 0) return LM_OK;
        if (errno != EEXIST) break;
    }
    return lm_error_call(err, e->path, "make");
}

lm_status lm_events_open(lm_events *e, const char *directory, int64_t after, lm_error *err) {
    *e = (lm_events){.fd = -1};
    lm_status status = make_file(e, directory, err);
    if (status == LM_OK) {
        put_start(e, after);
        status = e->waiting.failed ? lm_error_no_memory(err, e->path) : flush(e, err);
    }
    if (status != LM_OK) lm_events_close(e);
    return status;
}

void lm_events_begin(lm_events *e, int64_t step) {
    e->step = step;
    e->summary.length = 0;
}

static void put_tag(lm_text *value, const char *tag) {
    lm_text shown = {0};
    lm_text_say(&shown, "%.*s", MOST_TAG, tag);
    put_bytes(value, VALUE_TAG, lm_text_cstr(&shown), shown.length);
    value->failed |= shown.failed;
    lm_text_free(&shown);
}

void lm_events_scalar(lm_events *e, const char *tag, double number) {
    lm_text value = {0};
    put_tag(&value, tag);
    put_float(&value, VALUE_SIMPLE, (float)number);
    put_message(&e->summary, SUMMARY_VALUE, &value);
}

/* Four spaces in front of every line make it a block of code, in which nothing is Markdown. */
static void put_code(lm_text *out, const char *text) {
    lm_text shown = {0};
    lm_text_say(&shown, "%-s", text);
    for (const char *at = lm_text_cstr(&shown);;) {
        size_t n = strcspn(at, "\n");
        lm_text_append(out, "    ", 4);
        lm_text_append(out, at, n);
        if (!at[n]) break;
        lm_text_append(out, "\n", 1);
        at += n + 1;
    }
    out->failed |= shown.failed;
    lm_text_free(&shown);
}

void lm_events_text(lm_events *e, const char *tag, const char *text) {
    static const char plugin[] = "text";
    lm_text value = {0}, code = {0}, dim = {0}, shape = {0}, tensor = {0}, data = {0},
            metadata = {0};
    put_tag(&value, tag);
    put_code(&code, text);
    put_number(&dim, DIM_SIZE, 1);
    put_message(&shape, SHAPE_DIM, &dim);
    put_number(&tensor, TENSOR_DTYPE, DTYPE_STRING);
    put_message(&tensor, TENSOR_SHAPE, &shape);
    put_message(&tensor, TENSOR_STRING, &code);
    put_message(&value, VALUE_TENSOR, &tensor);
    put_bytes(&data, PLUGIN_NAME, plugin, sizeof plugin - 1);
    put_message(&metadata, METADATA_PLUGIN_DATA, &data);
    put_number(&metadata, METADATA_DATA_CLASS, DATA_CLASS_TENSOR);
    put_message(&value, VALUE_METADATA, &metadata);
    put_message(&e->summary, SUMMARY_VALUE, &value);
}

void lm_events_end(lm_events *e) {
    if (e->failed) return;
    lm_text event = begin_event();
    put_number(&event, EVENT_STEP, (uint64_t)e->step);
    put_bytes(&event, EVENT_SUMMARY, lm_text_cstr(&e->summary), e->summary.length);
    event.failed |= e->summary.failed;
    put_record(&e->waiting, &event);
    lm_text_free(&event);
    lm_status status = LM_OK;
    if (e->waiting.failed) {
        status = lm_error_no_memory(&e->why, e->path);
        e->failed = true;
    } else {
        status = flush(e, &e->why);
    }
    e->failed |= status != LM_OK && e->waiting.length > MOST_WAITING;
}

void lm_events_close(lm_events *e) {
    lm_error aside;
    if (e->path && e->fd >= 0) {
        if (!e->failed) (void)flush(e, &aside);
        close(e->fd);
    }
    free(e->path);
    lm_text_free(&e->waiting);
    lm_text_free(&e->summary);
    *e = (lm_events){.fd = -1};
}
