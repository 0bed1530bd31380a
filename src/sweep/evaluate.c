/* The value of an expression. */
#include <math.h>
#include <string.h>

#include "base/elementary.h"
#include "sweep/expression_node.h"

typedef struct evaluation {
    const lm_expression *e;
    lm_expression_lookup *lookup;
    const void *context;
    lm_expression_stop *stop;
} evaluation;

static bool evaluate(const evaluation *v, int node, lm_value *out);

static const char *kind_name(const lm_value *v) {
    static const char *const names[] = {
        [LM_VALUE_NONE] = "nothing",
        [LM_VALUE_NUMBER] = "a number",
        [LM_VALUE_BOOLEAN] = "true or false",
        [LM_VALUE_STRING] = "a string",
        [LM_VALUE_JSON] = "a list or an object",
    };
    return names[v->kind];
}

static bool want(const evaluation *v, int node, lm_value_kind kind, lm_value *out) {
    if (!evaluate(v, node, out)) return false;
    if (out->kind == kind) return true;
    return lm_expression_fail(v->stop, v->e->nodes[node].at, "expected %s, found %s",
                              kind_name(&(lm_value){.kind = kind}), kind_name(out));
}

static bool give(const evaluation *v, const lm_expression_node *n, double x, lm_value *out) {
    *out = (lm_value){.kind = LM_VALUE_NUMBER, .number = x};
    return isfinite(x) || lm_expression_fail(v->stop, n->at, "the result is not a finite number");
}

static void give_truth(bool x, lm_value *out) {
    *out = (lm_value){.kind = LM_VALUE_BOOLEAN, .number = x};
}

/* x to the y. Whole powers by squaring, so that 2^3 is 8. */
static double power(double x, double y) {
    if (y == floor(y) && fabs(y) <= 1024)
        return y < 0 ? 1 / lm_powi(x, (int64_t)-y) : lm_powi(x, (int64_t)y);
    if (x == 0 && y > 0) return 0;
    return x > 0 ? lm_pow(x, y) : NAN;
}

static double log2_of(double x) {
    int exponent;
    double fraction = frexp(x, &exponent);
    if (fraction == 0.5) return exponent - 1; /* powers of two are exact */
    return lm_log(x) / lm_log(2);
}

static bool compute_one(const evaluation *v, const lm_expression_node *n, lm_value *out) {
    lm_value a;
    if (!want(v, n->operands[0], LM_VALUE_NUMBER, &a)) return false;
    double x = a.number;
    switch (n->op) {
    case LM_OP_NEGATE:
        return give(v, n, -x, out);
    case LM_OP_SQRT:
        return give(v, n, sqrt(x), out);
    case LM_OP_EXP:
        return give(v, n, lm_exp(x), out);
    case LM_OP_LOG:
        return give(v, n, lm_log(x), out);
    case LM_OP_LOG2:
        return give(v, n, x > 0 ? log2_of(x) : NAN, out);
    case LM_OP_FLOOR:
        return give(v, n, floor(x), out);
    case LM_OP_CEIL:
        return give(v, n, ceil(x), out);
    case LM_OP_ROUND:
        return give(v, n, round(x), out);
    default:
        return give(v, n, fabs(x), out);
    }
}

static bool compute_two(const evaluation *v, const lm_expression_node *n, lm_value *out) {
    lm_value a, b;
    if (!want(v, n->operands[0], LM_VALUE_NUMBER, &a)) return false;
    if (!want(v, n->operands[1], LM_VALUE_NUMBER, &b)) return false;
    double x = a.number, y = b.number;
    if ((n->op == LM_OP_DIVIDE || n->op == LM_OP_REMAINDER) && y == 0)
        return lm_expression_fail(v->stop, n->at, "division by zero");
    switch (n->op) {
    case LM_OP_ADD:
        return give(v, n, x + y, out);
    case LM_OP_SUBTRACT:
        return give(v, n, x - y, out);
    case LM_OP_MULTIPLY:
        return give(v, n, x * y, out);
    case LM_OP_DIVIDE:
        return give(v, n, x / y, out);
    case LM_OP_REMAINDER: {
        double rest = fmod(x, y);
        return give(v, n, rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest, out);
    }
    case LM_OP_POWER:
        return give(v, n, power(x, y), out);
    case LM_OP_MIN:
        return give(v, n, x < y ? x : y, out);
    case LM_OP_MAX:
        return give(v, n, x > y ? x : y, out);
    case LM_OP_LESS:
        give_truth(x < y, out);
        return true;
    case LM_OP_AT_MOST:
        give_truth(x <= y, out);
        return true;
    case LM_OP_GREATER:
        give_truth(x > y, out);
        return true;
    default:
        give_truth(x >= y, out);
        return true;
    }
}

static bool compare(const evaluation *v, const lm_expression_node *n, lm_value *out) {
    lm_value a, b;
    if (!evaluate(v, n->operands[0], &a) || !evaluate(v, n->operands[1], &b)) return false;
    if (a.kind != b.kind)
        return lm_expression_fail(v->stop, n->at, "%s is compared with %s", kind_name(&a),
                                  kind_name(&b));
    give_truth(lm_value_same(&a, &b) == (n->op == LM_OP_EQUAL), out);
    return true;
}

/* The second operand only where the first leaves it open. */
static bool connect(const evaluation *v, const lm_expression_node *n, lm_value *out) {
    if (!want(v, n->operands[0], LM_VALUE_BOOLEAN, out)) return false;
    if ((out->number != 0) == (n->op == LM_OP_OR)) return true;
    return want(v, n->operands[1], LM_VALUE_BOOLEAN, out);
}

static bool evaluate(const evaluation *v, int node, lm_value *out) {
    const lm_expression_node *n = &v->e->nodes[node];
    switch (n->op) {
    case LM_OP_LITERAL:
        *out = n->value;
        return true;
    case LM_OP_NAME:
        *out = v->lookup(v->context, v->e->names[n->name].means);
        return true;
    case LM_OP_OR:
    case LM_OP_AND:
        return connect(v, n, out);
    case LM_OP_EQUAL:
    case LM_OP_UNEQUAL:
        return compare(v, n, out);
    case LM_OP_NOT:
        if (!want(v, n->operands[0], LM_VALUE_BOOLEAN, out)) return false;
        give_truth(out->number == 0, out);
        return true;
    case LM_OP_IF:
        if (!want(v, n->operands[0], LM_VALUE_BOOLEAN, out)) return false;
        return evaluate(v, n->operands[out->number != 0 ? 1 : 2], out);
    default:
        break;
    }
    return n->operands[1] < 0 ? compute_one(v, n, out) : compute_two(v, n, out);
}

bool lm_expression_evaluate(const lm_expression *e, lm_expression_lookup *lookup,
                            const void *context, lm_value *value, lm_expression_stop *stop) {
    evaluation v = {.e = e, .lookup = lookup, .context = context, .stop = stop};
    *stop = (lm_expression_stop){0};
    return evaluate(&v, e->root, value);
}
