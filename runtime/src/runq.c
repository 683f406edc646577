/* Memory of run queues; see runq.h. */
#include "runq.h"

#include <stdlib.h>

#include "base.h"
#include "runq_memory.h"

struct gti_runq_array *gti_runq_array_new(uint32_t slots)
{
    struct gti_runq_array *array = malloc(sizeof *array);
    if (!array)
        return NULL;
    *array = (struct gti_runq_array){.mask = slots - 1u};
    /* Zeroed: a thief that is too late may read a slot that was never written;
     * it then fails to take it. */
    array->slot = calloc(slots, sizeof *array->slot);
    if (!array->slot) {
        free(array);
        return NULL;
    }
    return array;
}

bool gti_runq_init(struct gti_runq *q)
{
    struct gti_runq_array *array = gti_runq_array_new(GTI_RUNQ_FIRST);
    if (!array)
        return false;
    gti_runq_set_array(q, array);
    return true;
}

void gti_runq_destroy(struct gti_runq *q)
{
    struct gti_runq_array *array = GTI_LOAD(q->array, relaxed);
    while (array) {
        struct gti_runq_array *older = array->older;
        free(array->slot);
        free(array);
        array = older;
    }
}
