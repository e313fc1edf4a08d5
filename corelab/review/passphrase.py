"""Passphrases asked of people: who is meant, how often one may be wrong, and in which role."""

from __future__ import annotations

import math
from threading import Lock

from corelab.review.denial import DenialCode, DeniedError
from corelab.review.throttle import Throttle
from corelab.store.ledger import Ledger
from corelab.store.signing import Signer
from corelab.store.users import WrongPassphraseError, unlock, users_of


class PassphraseDesk:
    """Opens keys of users of one role.

    Parameters
    ----------
    ledger
        Where users are.
    role
        Who is let in.
    """

    def __init__(self, ledger: Ledger, role: str) -> None:
        self._ledger = ledger
        self._role = role
        self._throttle = Throttle()
        # One after the other: many at once would all come before the first failure counts.
        self._turn = Lock()

    def opened(self, name: str, passphrase: str) -> Signer:
        """Open the key of a user.

        Raises
        ------
        DeniedError
            When name and passphrase do not belong together or are of another role, which is not
            told apart; or when too many attempts failed just now.
        """
        with self._turn:
            return self._judged(name, passphrase)

    def _judged(self, name: str, passphrase: str) -> Signer:
        wait_s = self._throttle.wait_s()
        if wait_s > 0:
            whole_s = math.ceil(wait_s)
            message = f"Too many attempts failed. Try again in {whole_s} s."
            raise DeniedError(
                DenialCode.TOO_MANY_ATTEMPTS, message, field="passphrase", retry_after_s=whole_s
            )
        try:
            signer = unlock(self._ledger, name, passphrase)
        except WrongPassphraseError:
            raise self._failed() from None
        if not self._has_role(name):
            raise self._failed()
        self._throttle.succeeded()
        return signer

    def _has_role(self, name: str) -> bool:
        return any(user.name == name and user.role == self._role for user in users_of(self._ledger))

    def _failed(self) -> DeniedError:
        self._throttle.failed()
        message = "Name or passphrase is wrong."
        return DeniedError(DenialCode.WRONG_PASSPHRASE, message, field="passphrase")
