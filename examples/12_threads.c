/*
 * A program with a main and threads of its own: weft_run runs goroutines, and plain
 * threads use the same channels.  A thread that waits sleeps; it is no goroutine.
 */
#include <pthread.h>
#include <stdio.h>
#include <weft/weft.h>

static weft_chan(int) questions, answers;

static void *ask(void *arg)
{
	int answer;

	(void)arg;
	for (int i = 1; i <= 3; i++) {
		weft_send(questions, i);
		weft_recv(answers, &answer);
		printf("a thread asked %d and was told %d\n", i, answer);
	}
	weft_close(questions);
	return NULL;
}

static int serve(int argc, char **argv)
{
	pthread_t thread;

	(void)argc, (void)argv;
	if (pthread_create(&thread, NULL, ask, NULL))
		return 1;
	for (int i; weft_recv(questions, &i); )
		weft_send(answers, 10 * i);
	return pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	int status;

	questions = weft_make(int, 0);
	answers = weft_make(int, 0);
	status = weft_run(serve, argc, argv);	/* returns what serve does */
	weft_free(questions);
	weft_free(answers);
	return status;
}
