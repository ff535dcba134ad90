// Package parent ties the life of a testbed process to the process that
// started it, so that a killed test run leaves no etcd or pod behind.
package parent

import (
	"os"
	"strconv"
	"time"
)

// Variable names the environment variable that holds the process id to watch.
const Variable = "SALLYPORT_TESTBED_PARENT"

// ExitWithIt calls end, once, when the process named by Variable is no longer
// this process's parent. Without the variable (kubectl run by a person) it does
// nothing. The variable is removed, so that children do not inherit the watch.
func ExitWithIt(end func()) {
	pid, err := strconv.Atoi(os.Getenv(Variable))
	os.Unsetenv(Variable)
	if err != nil {
		return
	}
	go func() {
		for os.Getppid() == pid {
			time.Sleep(500 * time.Millisecond)
		}
		end()
	}()
}
