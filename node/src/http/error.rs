//! Our errors → HTTP status and body, in one place.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use dcache_protocol::control::{ApiError, ErrorBody, ErrorCode};

/// An error on its way out.
#[derive(Debug)]
pub struct Failure(ApiError);

impl Failure {
    pub fn new(code: ErrorCode, message: String) -> Failure {
        Failure(ApiError { code, message, why: None, hints: Vec::new() })
    }

    pub fn invalid(message: String) -> Failure {
        Failure::new(ErrorCode::Invalid, message)
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Failure {
        Failure(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self.0.code {
            ErrorCode::Invalid => StatusCode::BAD_REQUEST,
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::Conflict => StatusCode::CONFLICT,
            ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
            ErrorCode::Limit => StatusCode::INSUFFICIENT_STORAGE,
            ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, axum::Json(ErrorBody { error: self.0 })).into_response()
    }
}

/// axum's JSON extractor with our error body.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T> FromRequest<S> for Json<T>
where
    axum::Json<T>: FromRequest<S, Rejection = JsonRejection>,
{
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Json<T>, Failure> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Json(body)),
            Err(rejection) => Err(Failure::invalid(rejection.body_text())),
        }
    }
}

pub async fn no_such_path(uri: Uri) -> Failure {
    Failure::new(ErrorCode::NotFound, format!("no such path: {}; the API begins at /v1/cluster", uri.path()))
}

pub async fn no_such_method(method: Method, uri: Uri) -> Failure {
    Failure::invalid(format!("{} does not take {method}", uri.path()))
}
