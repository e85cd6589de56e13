/*
 * A bounded queue made of a mutex and two condition variables: what a buffered
 * channel is inside, and the pattern for everything that a channel cannot express.
 */
#include <stdio.h>
#include <weft/sync.h>
#include <weft/weft.h>

enum { ROOM = 4, EACH = 1000, PRODUCERS = 3 };

struct queue {
	weft_mutex	lock;		/* protects the rest */
	weft_cond	not_full, not_empty;
	int		value[ROOM], head, count;
};

static void put(struct queue *q, int value)
{
	weft_mutex_lock(&q->lock);
	while (q->count == ROOM)
		weft_cond_wait(&q->not_full, &q->lock);
	q->value[(q->head + q->count++) % ROOM] = value;
	weft_cond_signal(&q->not_empty);
	weft_mutex_unlock(&q->lock);
}

static int get(struct queue *q)
{
	int value;

	weft_mutex_lock(&q->lock);
	while (q->count == 0)
		weft_cond_wait(&q->not_empty, &q->lock);
	value = q->value[q->head];
	q->head = (q->head + 1) % ROOM;
	q->count--;
	weft_cond_signal(&q->not_full);
	weft_mutex_unlock(&q->lock);
	return value;
}

static void produce(struct queue *q)
{
	for (int i = 1; i <= EACH; i++)
		put(q, i);
}

int weft_main(int argc, char **argv)
{
	struct queue q = {0};
	long sum = 0;

	(void)argc, (void)argv;
	for (int i = 0; i < PRODUCERS; i++)
		weft_go(produce, &q);
	for (int i = 0; i < PRODUCERS * EACH; i++)
		sum += get(&q);
	printf("sum %ld\n", sum);
	return 0;
}
