#include "text/compressed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef LM_ZSTD
#include <zstd.h>
#endif

#include "base/numbers.h"

/* A member may not take more at once: what zlib counts in. */
#define MOST ((size_t)1 << 30)

struct lm_decoder {
    lm_content kind;
    const char *path;
    bool between; /* a member is over: the next byte begins another one, or is padding */
    z_stream gzip;
#ifdef LM_ZSTD
    ZSTD_DStream *zstd;
#endif
};

const char *lm_decoder_libraries(char *out, size_t size) {
#ifdef LM_ZSTD
    snprintf(out, size, "zlib %s, libzstd %s", zlibVersion(), ZSTD_versionString());
#else
    snprintf(out, size, "zlib %s; without libzstd", zlibVersion());
#endif
    return out;
}

static lm_status damaged(const lm_decoder *d, const char *why, lm_error *err) {
    return lm_error_damaged(err, "%s: the %s data is damaged: %s", d->path,
                            d->kind == LM_CONTENT_GZIP ? "gzip" : "zstd", why);
}

/* ---- gzip -------------------------------------------------------------------------------------*/

static lm_status run_gzip(lm_decoder *d, const unsigned char *in, size_t in_size, size_t *used,
                          unsigned char *out, size_t out_size, size_t *made, lm_error *err) {
    z_stream *z = &d->gzip;
    size_t at = 0;
    if (d->between) {
        while (at < in_size && in[at] == 0) at++;
        *used = at;
        if (at > 0 || in_size == 0) return LM_OK;
        if (in[0] != 0x1F) return damaged(d, "other bytes follow its last member", err);
        if (inflateReset(z) != Z_OK) return damaged(d, "cannot begin another member", err);
    }
    d->between = false;
    union { /* zlib takes a pointer to mutable bytes, and reads them */
        const unsigned char *read;
        unsigned char *write;
    } p = {.read = in};
    z->next_in = p.write;
    z->avail_in = (uInt)in_size;
    z->next_out = out;
    z->avail_out = (uInt)out_size;
    int result = inflate(z, Z_NO_FLUSH);
    *used = in_size - z->avail_in;
    *made = out_size - z->avail_out;
    if (result == Z_STREAM_END) {
        d->between = true;
        return LM_OK;
    }
    if (result == Z_MEM_ERROR) return lm_error_no_memory(err, d->path);
    if (result != Z_OK && result != Z_BUF_ERROR)
        return damaged(d, z->msg ? z->msg : "unknown code", err);
    return LM_OK;
}

/* ---- Zstandard --------------------------------------------------------------------------------*/

#ifdef LM_ZSTD
static lm_status run_zstd(lm_decoder *d, const unsigned char *in, size_t in_size, size_t *used,
                          unsigned char *out, size_t out_size, size_t *made, lm_error *err) {
    if (d->between && in_size == 0) return LM_OK;
    ZSTD_inBuffer from = {in, in_size, 0};
    ZSTD_outBuffer to = {out, out_size, 0};
    size_t result = ZSTD_decompressStream(d->zstd, &to, &from);
    *used = from.pos;
    *made = to.pos;
    if (ZSTD_isError(result)) return damaged(d, ZSTD_getErrorName(result), err);
    if (from.pos > 0 || to.pos > 0) d->between = result == 0;
    return LM_OK;
}
#endif

/* ---- either -----------------------------------------------------------------------------------*/

static lm_status open_library(lm_decoder *d, lm_error *err) {
    if (d->kind == LM_CONTENT_GZIP) {
        if (inflateInit2(&d->gzip, 15 + 16) != Z_OK) return lm_error_no_memory(err, d->path);
        return LM_OK;
    }
#ifdef LM_ZSTD
    if (!(d->zstd = ZSTD_createDStream())) return lm_error_no_memory(err, d->path);
    return LM_OK;
#else
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: zstd-compressed, and this lmtrain was built without libzstd: install"
                        " it (libzstd-dev, libzstd-devel or zstd) and run make again, or use:"
                        " zstd -dc %s | lmtrain tokenize --input - ...",
                        d->path, d->path);
#endif
}

lm_status lm_decoder_open(lm_decoder **out, lm_content kind, const char *path, lm_error *err) {
    LM_ASSERT(kind == LM_CONTENT_GZIP || kind == LM_CONTENT_ZSTD);
    lm_decoder *d = calloc(1, sizeof *d);
    *out = NULL;
    if (!d) return lm_error_no_memory(err, path);
    d->kind = kind;
    d->path = path;
    lm_status status = open_library(d, err);
    if (status == LM_OK)
        *out = d;
    else
        free(d);
    return status;
}

lm_status lm_decoder_run(lm_decoder *d, const unsigned char *in, size_t in_size, size_t *used,
                         unsigned char *out, size_t out_size, size_t *made, lm_error *err) {
    *used = *made = 0;
    in_size = lm_size_min(in_size, MOST);
    out_size = lm_size_min(out_size, MOST);
#ifdef LM_ZSTD
    if (d->kind == LM_CONTENT_ZSTD) return run_zstd(d, in, in_size, used, out, out_size, made, err);
#endif
    return run_gzip(d, in, in_size, used, out, out_size, made, err);
}

bool lm_decoder_complete(const lm_decoder *d) {
    return d->between;
}

void lm_decoder_close(lm_decoder *d) {
    if (!d) return;
    if (d->kind == LM_CONTENT_GZIP) inflateEnd(&d->gzip);
#ifdef LM_ZSTD
    if (d->kind == LM_CONTENT_ZSTD) ZSTD_freeDStream(d->zstd);
#endif
    free(d);
}
