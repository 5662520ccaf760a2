"""The operating system of a local machine: Debian 12, and the few files that make it boot fast in systemd-nspawn.

The same Debian 12 with cloud-init runs on Azure from the marketplace image; only what a container must do differently is here.
containerd and kubelet are not started at boot: the deployer's cloud-init configures them first, and so starts each once.
"""

from __future__ import annotations

from pathlib import Path

from harness.builds.debian import Tree

TREE = Tree(
    name="machine",
    suite="bookworm",
    variant="minbase",
    packages=(
        *("systemd", "systemd-sysv", "dbus", "cloud-init", "kmod", "mount", "util-linux", "procps", "netbase"),
        *("runc", "containernetworking-plugins"),
        *("iproute2", "iptables", "nftables", "conntrack", "ipset", "ethtool", "socat", "curl", "ca-certificates"),
        *("e2fsprogs", "xfsprogs", "openssl", "iputils-ping"),
    ),
)

_MASKED = (
    *("getty.target", "console-getty.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer"),
    *(
        "e2scrub_all.timer",
        "e2scrub_reap.service",
        "fstrim.timer",
        "systemd-tmpfiles-clean.timer",
        "xfs_scrub_all.timer",
    ),
    *("systemd-logind.service", "systemd-networkd.service", "systemd-networkd.socket", "systemd-resolved.service"),
    *("systemd-networkd-wait-online.service", "systemd-timesyncd.service", "systemd-update-utmp.service"),
    *("systemd-update-utmp-runlevel.service", "systemd-firstboot.service", "systemd-udevd.service", "ldconfig.service"),
    *("systemd-udev-trigger.service", "cloud-init-hotplugd.socket", "networking.service", "kmod-static-nodes.service"),
    *("systemd-pstore.service", "modprobe@.service", "ifupdown-pre.service", "dbus-org.freedesktop.login1.service"),
    *(
        "systemd-sysusers.service",
        "systemd-modules-load.service",
        "systemd-journal-flush.service",
        "proc-sys-fs-binfmt_misc.automount",
    ),
    *(
        "systemd-binfmt.service",
        "systemd-tmpfiles-setup-dev.service",
        "systemd-remount-fs.service",
        "dev-hugepages.mount",
    ),
    *("sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount"),
    *("systemd-user-sessions.service", "systemd-machine-id-commit.service", "systemd-random-seed.service"),
    *("cloud-init-local.service", "cloud-init.service", "cloud-config.service", "cloud-final.service"),
)
"""Units that have nothing to do in a machine whose addresses are set from outside and that lives for minutes."""

_EARLY_UNIT = """\
[Unit]
Description=Make the kernel interfaces of this machine writable
DefaultDependencies=no
Before=sysinit.target
After=systemd-remount-fs.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/kubernetes-azure-harness/early

[Install]
WantedBy=sysinit.target
"""

_EARLY = """\
#!/bin/sh
# systemd-nspawn mounts these read-only. A bind remount changes this machine's view alone; a plain one is refused as busy.
# cgroup v1 has one mount per controller; cgroup v2 is writable already.
while read -r _ point _; do
    case "$point" in
    /proc/sys | /sys/fs/cgroup/*) mount -o remount,bind,rw "$point" || echo "cannot make $point writable" ;;
    esac
done </proc/self/mounts
mount --make-rshared /
[ -e /dev/kmsg ] || ln -s /dev/null /dev/kmsg
exit 0
"""

_CLOUD_INIT_UNIT = """\
[Unit]
Description=cloud-init, all its stages in one process
DefaultDependencies=no
After=local-fs.target harness-early.service systemd-tmpfiles-setup.service
Before=shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutSec=0
ExecStart=/usr/lib/kubernetes-azure-harness/cloud-init
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
"""

_CLOUD_INIT_STAGES = """\
#!/usr/bin/python3
# Four units that start Python four times are most of what cloud-init costs; cloud-init 24.3 and newer do as is done here.
import sys

from cloudinit.cmd.main import main

failed = 0
for stage in (["init", "--local"], ["init"], ["modules", "--mode=config"], ["modules", "--mode=final"]):
    try:
        failed |= main(["cloud-init", *stage]) or 0
    except SystemExit as caught:
        failed |= int(caught.code or 0)
sys.exit(1 if failed else 0)
"""

CONTAINERD = """\
[Unit]
Description=containerd, the container runtime
Documentation=https://containerd.io
After=network.target local-fs.target

[Service]
Type=notify
# memory for processor time: a tenth of what it does would be collecting garbage; the shims set their own
Environment=GOGC=300
ExecStart=/usr/bin/containerd
# containers outlive it, and have cgroups below its own
KillMode=process
Delegate=yes
TasksMax=infinity
LimitNPROC=infinity
LimitCORE=infinity
OOMScoreAdjust=-999
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""
"""Unit of the containerd that a build brings along; for machines of every kind."""

_KUBELET = """\
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
After=containerd.service

[Service]
# as for containerd
Environment=GOGC=300
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=1

[Install]
WantedBy=multi-user.target
"""

_KUBEADM_DROP_IN = """\
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \\
    --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# written by kubeadm init and join
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""

_CLOUD_INIT = """\
# The seed is always in /var/lib/cloud/seed/nocloud, and the network is set up from outside before boot.
datasource_list: [ NoCloud ]
network: {config: disabled}
preserve_hostname: true
manage_etc_hosts: false
ssh_deletekeys: false
ssh_genkeytypes: []
disable_root: false
users: []
# The distribution's lists without what cannot matter here (ssh, locale, package sources, hardware), in the same order.
cloud_init_modules: [bootcmd, write-files, disk_setup, mounts, ca-certs, users-groups]
cloud_config_modules: [timezone, runcmd]
cloud_final_modules: [package-update-upgrade-install, write-files-deferred, scripts-user, final-message]
"""

_SYSTEM_CONF = """\
[Manager]
DefaultTimeoutStopSec=10s
"""

_JOURNALD = """\
[Journal]
Storage=volatile
RuntimeMaxUse=64M
ForwardToConsole=yes
MaxLevelConsole=notice
RateLimitIntervalSec=0
"""

_FILES: dict[str, str] = {
    "etc/systemd/system/harness-early.service": _EARLY_UNIT,
    "usr/lib/kubernetes-azure-harness/early": _EARLY,
    "etc/systemd/system/harness-cloud-init.service": _CLOUD_INIT_UNIT,
    "usr/lib/kubernetes-azure-harness/cloud-init": _CLOUD_INIT_STAGES,
    "usr/lib/systemd/system/containerd.service": CONTAINERD,
    "usr/lib/systemd/system/kubelet.service": _KUBELET,
    "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf": _KUBEADM_DROP_IN,
    "etc/cloud/cloud.cfg.d/99_harness.cfg": _CLOUD_INIT,
    "etc/systemd/system.conf.d/harness.conf": _SYSTEM_CONF,
    "etc/systemd/journald.conf.d/harness.conf": _JOURNALD,
    "etc/crictl.yaml": "runtime-endpoint: unix:///run/containerd/containerd.sock\n",
    "etc/resolv.conf": "nameserver 168.63.129.16\noptions timeout:2 attempts:2\n",
    "etc/fstab": "",
}
_LINKS: dict[str, str] = {
    "etc/systemd/system/sysinit.target.wants/harness-early.service": "/etc/systemd/system/harness-early.service",
    "etc/systemd/system/multi-user.target.wants/harness-cloud-init.service": "/etc/systemd/system/harness-cloud-init.service",
    "etc/systemd/system/default.target": "/usr/lib/systemd/system/multi-user.target",
    **{f"etc/systemd/system/{unit}": "/dev/null" for unit in _MASKED},
}
CONTENT = (_FILES, _LINKS)
"""All that this module writes, for the image's key."""


def write_layer(layer: Path) -> None:
    """Write these files into the folder of an overlay layer."""
    for name, text in _FILES.items():
        path = layer / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    for name, target in _LINKS.items():
        path = layer / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
