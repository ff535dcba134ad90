package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// containerInit runs as the first process in the new namespaces: it makes the
// root and then becomes the container's command.
func containerInit(file string) {
	if err := becomeContainer(file); err != nil {
		fmt.Fprintf(os.Stderr, "container: %v\n", err)
		os.Exit(128)
	}
}

func becomeContainer(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec launchSpec
	if err := json.Unmarshal(data, &spec); err != nil {
		return err
	}
	root, err := makeRoot(spec)
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, m := range append(spec.Mounts, mount{Source: self, Target: selfPath, ReadOnly: true}) {
		if err := bindInto(root, m); err != nil {
			return fmt.Errorf("mount %s: %w", m.Target, err)
		}
	}
	if err := syscall.Sethostname([]byte(spec.Hostname)); err != nil {
		return err
	}
	if err := syscall.Chroot(root); err != nil {
		return err
	}
	dir := filepath.Join("/", spec.Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Chdir(dir); err != nil {
		return err
	}
	program, err := lookPath(spec.Argv[0], os.Environ())
	if err != nil {
		return err
	}
	return os.NewSyscallError("exec "+program, syscall.Exec(program, spec.Argv, os.Environ()))
}

// makeRoot lays a writable layer over this machine's root. The layer is a
// tmpfs of this namespace, so it is gone when the container is, and it lies
// outside of the lower file system, as overlayfs demands.
func makeRoot(spec launchSpec) (string, error) {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return "", err
	}
	layer := filepath.Join(spec.Root, "layer")
	if err := os.MkdirAll(layer, 0o755); err != nil {
		return "", err
	}
	// Read before mounting: what is listed is this machine's.
	hostMounts, err := ownMounts()
	if err != nil {
		return "", err
	}
	if err := syscall.Mount("tmpfs", layer, "tmpfs", 0, "mode=0755"); err != nil {
		return "", err
	}
	root := filepath.Join(layer, "root")
	if spec.Patchwork {
		err = makePatchwork(layer, root)
	} else {
		err = overlay("/", root, filepath.Join(layer, "root-"), "")
		// An overlay shows one file system; what is mounted below it must be brought along.
		for _, each := range hostMounts {
			_ = bindInto(root, mount{Source: each, Target: each, ReadOnly: true})
		}
	}
	if err != nil {
		return "", err
	}
	if err := syscall.Mount("proc", filepath.Join(root, "proc"), "proc", 0, ""); err != nil {
		return "", fmt.Errorf("proc: %w", err)
	}
	for _, each := range []string{"/dev", "/sys"} {
		if err := syscall.Mount(each, filepath.Join(root, each), "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return "", fmt.Errorf("%s: %w", each, err)
		}
	}
	for name, mode := range map[string]string{"/tmp": "mode=1777", "/run": "mode=0755"} {
		if err := syscall.Mount("tmpfs", filepath.Join(root, name), "tmpfs", 0, mode); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	return root, nil
}

// overlay mounts a writable view of lower at target. Folders beginning with
// layer hold what is written.
func overlay(lower, target, layer, options string) error {
	upper, work := layer+"upper", layer+"work"
	for _, each := range []string{target, upper, work} {
		if err := os.MkdirAll(each, 0o755); err != nil {
			return err
		}
	}
	return os.NewSyscallError("overlay of "+lower, syscall.Mount("overlay", target, "overlay", 0, "lowerdir="+lower+",upperdir="+upper+",workdir="+work+options))
}

// makePatchwork makes a root for a user namespace, which may not lay one
// overlay over everything, because the mounts below / are locked there. Each
// folder of / becomes an overlay of its own, or is bound as it is.
func makePatchwork(layer, root string) error {
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	for _, entry := range entries {
		source, target := "/"+entry.Name(), filepath.Join(root, entry.Name())
		if entry.Type()&os.ModeSymlink != 0 {
			link, err := os.Readlink(source)
			if err != nil {
				return err
			}
			if err := os.Symlink(link, target); err != nil {
				return err
			}
			continue
		}
		if !entry.IsDir() {
			continue
		}
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if slices.Contains(madeFresh, source) {
			continue
		}
		if overlay(source, target, filepath.Join(layer, entry.Name()+"-"), ",userxattr") == nil ||
			overlay(source, target, filepath.Join(layer, entry.Name()+"-"), "") == nil {
			continue
		}
		if err := syscall.Mount(source, target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
	}
	return nil
}

// madeFresh are the folders that each container gets for itself.
var madeFresh = []string{"/dev", "/proc", "/run", "/sys", "/tmp"}

// ownMounts lists mount points of this machine apart from those that each
// container gets for itself.
func ownMounts() ([]string, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 5 || strings.Contains(fields[4], "\\") {
			continue
		}
		top := "/" + strings.SplitN(fields[4][1:], "/", 2)[0]
		if top != "/" && !slices.Contains(madeFresh, top) {
			found = append(found, fields[4])
		}
	}
	return found, nil
}

// bindInto mounts a file or folder at a path of the new root. Links in the
// path (such as /var/run) are followed inside of that root.
func bindInto(root string, m mount) error {
	target, err := securejoin.SecureJoin(root, m.Target)
	if err != nil {
		return err
	}
	info, err := os.Stat(m.Source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
		var file *os.File
		if file, err = os.OpenFile(target, os.O_CREATE, 0o644); err == nil {
			err = file.Close()
		}
	}
	if err != nil {
		return err
	}
	if err := syscall.Mount(m.Source, target, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	if !m.ReadOnly {
		return nil
	}
	// A user namespace must not drop flags that the mount has (statfs uses the same bits).
	var now syscall.Statfs_t
	if err := syscall.Statfs(target, &now); err != nil {
		return err
	}
	kept := uintptr(now.Flags) & (syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC)
	return syscall.Mount("", target, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY|kept, "")
}
