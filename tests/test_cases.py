"""Which test proves which case: ways in which trackers and their neighbours were broken into, and faults that happen.

P: paths and files. A: who comes in, and to what. B: browsers. M: what was measured of clients, servers and databases,
and what this server must therefore hold. A test that is renamed or removed leaves its case
without a proof, and that fails here.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent

ACCESS = "tracking/test_access_cases.py::TestCases::"
MATRIX = "tracking/test_permissions.py::TestEverybody::test_is_refused_where_the_table_says_so_and_changes_nothing"
PATHS = "tracking/test_path_cases.py::"
PROXY = "tracking/api/test_mlflow_artifacts.py::"
STORE = "tracking/artifacts/test_store.py::"
OBJECT_STORE = "tracking/artifacts/test_object_store.py::TestObjectStore::"
LOCAL_STORE = "tracking/artifacts/test_local_store.py::"
ACKNOWLEDGED = "tracking/metrics/test_acknowledged.py::TestAcknowledgedPoints::"
WIRE = "tracking/api/test_http.py::"
BAD_PATH = (
    f"{PROXY}TestBadPath::test_is_refused_and_nothing_is_stored",
    f"{PROXY}TestBadPath::test_is_refused_in_a_query",
    "tracking/artifacts/test_paths.py::TestParse::test_refuses_what_could_lead_elsewhere",
    "tracking/web/test_artifacts.py::TestAccess::test_no_path_leaves_the_run",
)
CHOSEN_PLACE = ("tracking/api/test_experiments.py::TestExperiment::test_does_not_choose_where_artifacts_live",)

PROOFS = {
    # Paths and files
    "P1": BAD_PATH,
    "P2": BAD_PATH,
    "P3": BAD_PATH,
    "P4": BAD_PATH,
    "P5": CHOSEN_PLACE,
    "P6": CHOSEN_PLACE,
    "P7": CHOSEN_PLACE,
    "P8": (f"{PATHS}TestModel::test_p8_names_no_place_to_read_from",),
    "P9": CHOSEN_PLACE,
    "P10": (
        f"{PROXY}TestUpload::test_goes_below_the_artifacts_of_a_run_or_model_alone",
        f"{PROXY}TestUpload::test_refuses_what_no_file_can_be",
        f"{LOCAL_STORE}TestLinks::test_are_no_directories_to_write_to",
    ),
    "P11": (f"{PATHS}TestId::test_p11_that_is_none_deletes_nothing",),
    "P12": (f"{PROXY}TestUpload::test_never_unpacks_an_archive", f"{PATHS}TestServer::test_p12_unpacks_nothing"),
    "P13": (f"{OBJECT_STORE}test_leaves_out_keys_that_no_client_can_ask_for",),
    "P14": (f"{PATHS}TestServer::test_p14_fetches_nothing",),
    "P15": (f"{PATHS}TestContent::test_p15_never_chooses_what_is_read",),
    "P16": (
        f"{LOCAL_STORE}TestLocalStore::test_keeps_files_and_directories_to_their_owner",
        "tracking/management/test_serve.py::TestDataFolder::test_is_closed_to_other_users_down_to_each_file",
    ),
    "P17": (f"{LOCAL_STORE}TestLinks::test_lead_nowhere_when_swapped_in_during_a_request",),
    # Who comes in, and to what
    "A1": (
        "tracking/test_permissions.py::TestTable::test_has_every_route_of_the_server_and_no_other",
        "tracking/test_permissions.py::TestTable::test_has_no_route_that_is_open_without_a_reason",
    ),
    "A2": (MATRIX,),
    "A3": (MATRIX, f"{PROXY}TestOtherWorkspace::test_files_are_not_there"),
    "A4": (f"{ACCESS}test_a4_a_model_cannot_name_a_run_of_others",),
    "A5": (f"{ACCESS}test_a5_an_id_that_does_not_parse_opens_nothing",),
    "A6": (
        "tracking/test_permissions.py::TestEverybody::test_is_let_in_where_the_table_says_so",
        "tracking/api/test_access.py::TestEveryRoute::test_refuses_a_reader_who_writes",
    ),
    "A7": ("tracking/api/test_access.py::TestWorkspace::test_keeps_its_objects_to_itself",),
    "A8": (
        "tracking/api/test_access.py::TestEveryRoute::test_tells_a_stranger_nothing",
        f"{PROXY}TestOtherWorkspace::test_is_told_nothing_by_its_answers",
    ),
    "A9": (
        "tracking/api/test_access.py::TestWorkspace::test_in_the_header_must_be_that_of_the_token",
        "tracking/api/test_access.py::TestWorkspace::test_in_the_header_must_be_one_name",
    ),
    "A10": (
        f"{ACCESS}test_a10_a_password_that_is_none_is_not_set",
        f"{ACCESS}test_a10_nobody_has_a_password_to_begin_with",
    ),
    "A11": ("test_settings.py::TestExposure::test_beyond_loopback_needs_tls",),
    "A12": (
        f"{ACCESS}test_a12_what_has_ended_opens_nothing_after_a_second",
        f"{ACCESS}test_a12_signing_out_ends_the_session_itself",
        "tracking/management/test_serve.py::TestAccess::test_is_withdrawn_from_every_process",
    ),
    "A13": ("tracking/api/portal/test_users.py::TestUsers::test_take_no_more_than_is_written",),
    "A14": (
        f"{ACCESS}test_a14_unknown_tokens_are_refused_and_others_go_on",
        "tracking/web/test_sign_in.py::TestGuessing::test_of_one_account_is_refused_after_ten_tries",
    ),
    "A15": (
        "tracking/api/portal/test_tokens.py::TestTrackingUri::test_is_not_made_by_a_tracking_token",
        "tracking/api/portal/test_tokens.py::TestTokens::test_make_none_that_outlives_them",
    ),
    "A16": (
        f"{ACCESS}test_a16_a_token_in_an_address_is_none",
        f"{ACCESS}test_a16_a_link_does_not_travel_on",
    ),
    "A17": (
        "tracking/web/test_sign_in.py::TestGuessing::test_cannot_move_to_another_address_by_a_header",
        f"{WIRE}TestHeaders::test_with_an_underscore_do_not_pass_for_others",
    ),
    "A18": (f"{ACCESS}test_a18_no_console_of_celery_is_shipped",),
    "A19": ("tracking/api/test_bound.py::TestBoundToken::test_writes_to_no_sibling",),
    # Browsers
    "B1": (
        "browser/test_hostile_names.py::TestHostileName::test_is_text_on_the_page_of_its_run",
        "browser/test_hostile_names.py::TestHostileName::test_is_text_in_the_tree_of_files",
        "browser/test_hostile_names.py::TestHostileName::test_is_text_in_lists_and_charts",
    ),
    "B2": (
        "browser/test_hostile_names.py::TestHostileName::test_is_text_in_a_picture_of_a_chart",
        "tracking/api/portal/test_users.py::TestAudit::test_as_csv_has_no_formula",
    ),
    "B3": (f"{PATHS}TestServer::test_i7_loads_no_format_that_runs_code",),
    "B4": (
        "tracking/web/test_artifacts.py::TestArtifactDownload::test_is_an_attachment_without_powers",
        "tracking/web/test_artifacts.py::TestArtifactFrame::test_gives_a_page_no_rights",
        f"{PROXY}TestDownload::test_says_what_it_is_and_runs_nowhere",
    ),
    "B5": (
        "tracking/web/test_errors.py::TestPages::test_of_a_refused_host_do_not_repeat_it",
        "tracking/api/test_base.py::TestBody::test_must_say_that_it_is_json",
    ),
    "B6": ("tracking/web/test_sign_in.py::TestSignIn::test_never_leads_elsewhere",),
    "B7": (
        "tracking/web/test_markup.py::TestRenderMarkdown::test_leaves_nothing_that_runs_or_fetches",
        "tracking/web/test_previews.py::TestNotebook::test_shows_text_code_and_outputs_and_runs_nothing",
    ),
    "B8": (
        "tracking/api/test_access.py::TestToken::test_alone_counts_whatever_cookies_come_along",
        "tracking/api/portal/test_access.py::TestSession::test_changes_nothing_from_a_foreign_page",
    ),
    "B9": (
        "tracking/api/portal/test_access.py::TestSession::test_changes_nothing_from_a_foreign_page",
        "tracking/api/portal/test_access.py::TestMethod::test_in_a_header_counts_for_nothing",
    ),
    "B10": (f"{PATHS}TestHost::test_b10_that_is_not_ours_is_refused",),
    "B11": (MATRIX,),
    "B12": ("tracking/api/test_access.py::TestEveryRoute::test_asks_for_a_token_at_every_place",),
    "B13": (MATRIX,),
    # What was measured
    "M1": (f"{ACKNOWLEDGED}test_are_read_back_once_whatever_came_between",),
    "M4": (f"{STORE}TestPut::test_never_mixes_concurrent_uploads", f"{PROXY}TestUpload::test_replaces_a_file"),
    "M5": ("tracking/api/test_metrics.py::TestMetric::test_special_values_come_back_as_mlflow_sends_them",),
    "M6": (
        f"{WIRE}TestCutBody::test_of_a_file_stores_nothing",
        f"{WIRE}TestCutBody::test_of_a_chunked_file_stores_nothing",
    ),
    "M7": (f"{WIRE}TestHalfOpenConnections::test_do_not_keep_others_waiting",),
    "M9": ("tracking/metrics/test_kills.py::TestKills::test_of_a_few_processes_lose_and_double_nothing",),
    "M12": (f"{LOCAL_STORE}TestLocalStore::test_reports_a_disk_that_takes_no_more",),
    "M13": ("tracking/cleanup/test_workers.py::TestGroupDeletion::test_survives_kills_and_touches_nothing_else",),
    "M14": ("tracking/cleanup/test_services.py::TestDelete::test_twice_is_one_operation",),
    "M15": ("tracking/cleanup/test_workers.py::TestRedis::test_that_is_down_delays_a_deletion_and_nothing_else",),
    "M16": ("tracking/cleanup/test_workers.py::TestGroupDeletion::test_is_found_where_the_broker_has_forgotten_it",),
    "M17": ("tracking/core/test_json.py::TestDecode::test_refuses_by_name_and_value",),
    "M18": (
        "tracking/api/test_runs.py::TestLogBatch::test_refuses_a_large_body_before_reading",
        f"{WIRE}TestTooLargeBody::test_is_refused_before_it_is_read",
    ),
    "M20": ("tracking/web/test_sign_in.py::TestGuessing::test_is_counted_before_it_is_checked",),
}  # fmt: skip


class TestCase:
    @pytest.mark.parametrize(("case", "proofs"), PROOFS.items(), ids=list(PROOFS))
    def test_has_its_proof(self, case: str, proofs: tuple[str, ...]) -> None:
        missing = [proof for proof in proofs if proof not in _tests_of(proof.partition("::")[0])]

        assert missing == [], case

    def test_is_none_left_out_of_those_that_are_attacks(self) -> None:
        wanted = {f"{kind}{n + 1}" for kind, count in (("P", 17), ("A", 19), ("B", 13)) for n in range(count)}

        assert wanted - PROOFS.keys() == set()


@cache
def _tests_of(path: str) -> frozenset[str]:
    """Return the tests of a file, and the file itself, as pytest names them."""
    tree = ast.parse((ROOT / path).read_text())
    found = {path}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.add(f"{path}::{node.name}")
        elif isinstance(node, ast.ClassDef):
            found |= {f"{path}::{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return frozenset(found)
