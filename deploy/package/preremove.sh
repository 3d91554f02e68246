#!/bin/sh
# Debian calls it with "remove" or "upgrade", Red Hat with how many versions will be left. An upgrade restarts later.
set -e
case "$1" in
  remove | 0)
    if [ -d /run/systemd/system ]; then
      systemctl disable --now barrage.service barrage.socket || true # they may not be enabled
    fi
    ;;
esac
