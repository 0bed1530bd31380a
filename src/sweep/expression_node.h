/* Between expression.c, which reads a text into nodes, and evaluate.c. */
#ifndef LM_SWEEP_EXPRESSION_NODE_H
#define LM_SWEEP_EXPRESSION_NODE_H

#include "sweep/expression.h"

/* Operators by rising precedence, then functions, then what has no operands. */
typedef enum lm_operation {
    LM_OP_OR,
    LM_OP_AND,
    LM_OP_EQUAL,
    LM_OP_UNEQUAL,
    LM_OP_LESS,
    LM_OP_AT_MOST,
    LM_OP_GREATER,
    LM_OP_AT_LEAST,
    LM_OP_ADD,
    LM_OP_SUBTRACT,
    LM_OP_MULTIPLY,
    LM_OP_DIVIDE,
    LM_OP_REMAINDER,
    LM_OP_POWER,
    LM_OP_NEGATE,
    LM_OP_NOT,
    LM_OP_SQRT,
    LM_OP_EXP,
    LM_OP_LOG,
    LM_OP_LOG2,
    LM_OP_FLOOR,
    LM_OP_CEIL,
    LM_OP_ROUND,
    LM_OP_ABS,
    LM_OP_MIN, /* of two: min(a, b, c) is min(min(a, b), c) */
    LM_OP_MAX,
    LM_OP_IF,
    LM_OP_LITERAL,
    LM_OP_NAME,
} lm_operation;

typedef struct lm_expression_node {
    lm_operation op;
    size_t at;       /* of the operator, the function or the value */
    int operands[3]; /* nodes */
    int name;        /* of LM_OP_NAME: index of names */
    lm_value value;  /* of LM_OP_LITERAL */
} lm_expression_node;

/* Enough for anything that is written by hand; evaluation goes as deep as this at most. */
enum { LM_EXPRESSION_MOST_NODES = 500, LM_EXPRESSION_DEPTH = 64 };

/* Fills *stop and returns false. */
bool lm_expression_fail(lm_expression_stop *stop, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
