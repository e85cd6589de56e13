/* Cars take four riders, all of one party, or two and two.  Who completes a four drives. */
#include <stdio.h>
#include <patterns/barrier.h>
#include <patterns/semaphore.h>
#include <weft/sync.h>

enum { RIDERS = 200, DEMOCRATS = 90 };	/* even numbers of each: all find a seat */

static weft_mutex m;			/* until a car has left, the next one is not filled */
static int waiting[2], aboard[2], cars, unfair;
static weft_semaphore *seats[2];
static weft_barrier *car;

static void let_in(int party, int n)
{
	waiting[party] -= n;
	weft_semaphore_release(seats[party], n);
}

static void ride(int party)
{
	bool last = true;

	weft_mutex_lock(&m);
	waiting[party]++;
	if (waiting[party] == 4)
		let_in(party, 4);
	else if (waiting[party] >= 2 && waiting[!party] >= 2)
		let_in(party, 2), let_in(!party, 2);
	else
		last = false, weft_mutex_unlock(&m);
	weft_semaphore_acquire(NULL, seats[party], 1);
	__atomic_fetch_add(&aboard[party], 1, __ATOMIC_RELAXED);
	weft_barrier_wait(NULL, car);
	if (last) {
		cars++;
		unfair += aboard[0] % 2 || aboard[0] + aboard[1] != 4 * cars;
		weft_mutex_unlock(&m);
	}
}

int weft_main(int argc, char **argv)
{
	weft_waitgroup all = { 0 };

	(void)argc, (void)argv;
	car = weft_barrier_new(4, NULL, NULL);
	for (int party = 0; party < 2; party++) {	/* no seat before there are four */
		seats[party] = weft_semaphore_new(RIDERS);
		weft_semaphore_acquire(NULL, seats[party], RIDERS);
	}
	for (int i = 0; i < RIDERS; i++)
		weft_waitgroup_go(&all, ride, i < DEMOCRATS);
	weft_waitgroup_wait(&all);
	printf("%d riders in %d cars, %d of them unfair\n", RIDERS, cars, unfair);
	for (int party = 0; party < 2; party++)
		weft_semaphore_free(seats[party]);
	weft_barrier_free(car);
	return 0;
}
