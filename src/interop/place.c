/* Where each tensor of a model lies in the files of another program. */
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "interop/decode.h"
#include "interop/source_parts.h"

/* ---- by name ----------------------------------------------------------------------------------*/

const lm_tensor *lm_interop_find_tensor(const lm_interop_container *list, size_t n,
                                        const char *name, size_t *in) {
    for (size_t i = 0; i < n; i++) {
        const lm_tensor *t = lm_tensors_find(list[i].tensors, name);
        if (in) *in = i;
        if (t) return t;
    }
    return NULL;
}

static lm_status check_tensor(const lm_interop_tensor *wanted, const lm_tensor *found,
                              const char *file, lm_error *err) {
    char expected[LM_TENSOR_SHAPE_SIZE], shape[LM_TENSOR_SHAPE_SIZE];
    bool same = found->ndim == wanted->ndim;
    for (int d = 0; d < wanted->ndim && same; d++) same = found->shape[d] == wanted->shape[d];
    if (!same)
        return lm_error_damaged(err, "%s: tensor %s: expected shape %s, found %s", file,
                                found->name, lm_tensor_shape(expected, wanted->ndim, wanted->shape),
                                lm_tensor_shape(shape, found->ndim, found->shape));
    if (!lm_interop_decodes(found->element))
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: tensor %s: its type %s is not read (F32, F16, BF16, Q8_0, Q4_0"
                            " and Q4_1 are)",
                            file, found->name, lm_element_at(found->element)->name);
    return LM_OK;
}

/* Which tensors of which container some parameter takes. */
typedef struct marks {
    bool **taken; /* [containers][its tensors] */
    size_t n;
} marks;

static void marks_free(marks *m) {
    for (size_t i = 0; m->taken && i < m->n; i++) free(m->taken[i]);
    free(m->taken);
}

static lm_status marks_make(marks *m, const lm_interop_container *list, size_t n, lm_error *err) {
    *m = (marks){.taken = calloc(n + 1, sizeof *m->taken), .n = n};
    if (!m->taken) return lm_error_no_memory(err, NULL);
    for (size_t i = 0; i < n; i++)
        if (!(m->taken[i] = calloc(list[i].tensors->count + 1, sizeof **m->taken)))
            return lm_error_no_memory(err, NULL);
    return LM_OK;
}

/* The tensor that t is, under its name or without the prefix; NULL: neither is there. */
static const lm_tensor *find(const lm_interop_container *list, size_t n, const char *name,
                             const char *prefix, size_t *in) {
    const lm_tensor *found = lm_interop_find_tensor(list, n, name, in);
    size_t length = prefix ? strlen(prefix) : 0;
    if (!found && length > 0 && strncmp(name, prefix, length) == 0)
        found = lm_interop_find_tensor(list, n, name + length, in);
    return found;
}

static lm_status place(lm_interop_source *s, int64_t i, const lm_interop_container *list, size_t n,
                       const char *prefix, marks *m, lm_error *err) {
    const lm_interop_tensor *t = &s->tensors[i];
    size_t in;
    const lm_tensor *found = find(list, n, t->name, prefix, &in);
    if (!found && (t->is_head || t->offset < 0)) return LM_OK;
    if (!found)
        return lm_error_damaged(err, "%s: expected a tensor %s of the model's %s, found none",
                                s->path, t->name, s->class->name);
    lm_status status = check_tensor(t, found, list[in].file->path, err);
    if (status != LM_OK) return status;
    m->taken[in][found - list[in].tensors->list] = true;
    s->stored[i] = (lm_interop_stored){
        .file = list[in].file, .offset = found->offset, .element = found->element};
    return LM_OK;
}

lm_status lm_interop_place_by_name(lm_interop_source *s, const lm_interop_container *list, size_t n,
                                   const char *prefix, bool (*ignored)(const char *name),
                                   lm_error *err) {
    marks m;
    lm_status status = marks_make(&m, list, n, err);
    for (int64_t i = 0; i < s->count && status == LM_OK; i++)
        status = place(s, i, list, n, prefix, &m, err);
    for (size_t c = 0; c < n && status == LM_OK; c++)
        for (size_t i = 0; i < list[c].tensors->count && status == LM_OK; i++) {
            const char *name = list[c].tensors->list[i].name;
            if (!m.taken[c][i] && !ignored(name))
                status = lm_error_set(err, LM_ERR_USAGE,
                                      "%s: tensor %s is not one of this model, a %s with %lld"
                                      " layers",
                                      list[c].file->path, name, s->class->name,
                                      (long long)s->options.n_layers);
        }
    marks_free(&m);
    return status;
}

/* ---- by order ---------------------------------------------------------------------------------*/

static bool add_product(uint64_t a, uint64_t b, uint64_t *sum) {
    uint64_t product;
    return lm_u64_mul(a, b, &product) && lm_u64_add(*sum, product, sum);
}

/* Moves behind the tensor; false: it does not end inside 64 bits. */
static bool place_next(lm_interop_order *o, const lm_interop_tensor *t, lm_interop_stored *stored) {
    const uint64_t count = (uint64_t)t->shape[0] * (uint64_t)t->shape[1];
    bool groups = o->element == LM_INTEROP_INT8_GROUPS && t->ndim == 2;
    int element = groups || o->element != LM_INTEROP_INT8_GROUPS ? o->element : LM_ELEMENT_F32;
    *stored = (lm_interop_stored){.file = o->file, .offset = o->offset, .element = element};
    if (!groups) return add_product(count, lm_element_at(element)->bytes, &o->offset);
    if (!lm_u64_add(o->offset, count, &o->offset)) return false;
    stored->scales = o->offset;
    stored->group = o->group;
    return add_product(count / (uint64_t)o->group, sizeof(float), &o->offset);
}

static lm_status check_groups(const lm_interop_order *o, const lm_interop_tensor *t,
                              lm_error *err) {
    if (o->element != LM_INTEROP_INT8_GROUPS || t->ndim != 2) return LM_OK;
    if (t->shape[0] * t->shape[1] % o->group == 0) return LM_OK;
    return lm_error_damaged(
        err, "%s: %s: expected whole groups of %lld elements, found %lld x %lld", o->file->path,
        t->name, (long long)o->group, (long long)t->shape[0], (long long)t->shape[1]);
}

lm_status lm_interop_place_in_order(lm_interop_source *s, lm_interop_order *o, lm_error *err) {
    bool fits = true;
    for (int64_t i = 0; i < s->count && fits; i++) {
        const lm_interop_tensor *t = &s->tensors[i];
        lm_status status = check_groups(o, t, err);
        if (status != LM_OK) return status;
        if (strcmp(t->ours, "lm_head.weight") == 0)
            fits = lm_u64_add(o->offset, o->skipped, &o->offset);
        fits = fits && place_next(o, t, &s->stored[i]);
    }
    const lm_interop_tensor *last = s->count > 0 ? &s->tensors[s->count - 1] : NULL;
    if (last && strcmp(last->ours, "lm_head.weight") != 0)
        fits = fits && lm_u64_add(o->offset, o->skipped, &o->offset);
    if (fits && o->offset == o->file->size) return LM_OK;
    return lm_error_damaged(err, "%s: expected %llu bytes, as its header asks for, found %llu",
                            o->file->path, (unsigned long long)(fits ? o->offset : UINT64_MAX),
                            (unsigned long long)o->file->size);
}
