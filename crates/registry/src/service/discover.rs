//! Finding services.

use rialto_kernel::{Amount, OwnerId, Page, PageRequest};

use super::manage::{decimal, payment_method};
use crate::{
    RegistryError, check,
    service::{PaymentMethod, Service, ServiceId, ServiceStatus},
    store::ServiceStore,
    terms,
};

/// The most categories that are told apart in one answer.
const CATEGORIES_MAX: u32 = 200;

/// Which services, and in which order. Filters that are given hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceFilter {
    /// Only these; `None` for any.
    pub status: Option<ServiceStatus>,
    /// With at least one of these words, or the beginnings of words, in their name, labels or description; `None` for any.
    pub terms: Option<Vec<String>>,
    /// In exactly this category.
    pub category: Option<String>,
    /// With at least one of these tags, whatever their case. Empty for any.
    pub tags: Vec<String>,
    /// That cost so much or more.
    pub price_min: Option<Amount>,
    /// That cost so much or less.
    pub price_max: Option<Amount>,
    /// That are paid so.
    pub payment_method: Option<PaymentMethod>,
    /// That have calls for nothing, or have none.
    pub has_free_tier: Option<bool>,
    /// Of this owner.
    pub owner: Option<OwnerId>,
    /// In which order.
    pub sort: ServiceSort,
}

/// What services are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServiceSort {
    /// The newest first.
    #[default]
    CreatedAt,
    /// The cheapest first.
    Price,
    /// By name, whatever the case.
    Name,
    /// Those with the best words first; without words, the newest.
    Relevance,
}

impl ServiceSort {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "created_at" => Some(Self::CreatedAt),
            "price" => Some(Self::Price),
            "name" => Some(Self::Name),
            "relevance" => Some(Self::Relevance),
            _ => None,
        }
    }
}

impl ServiceFilter {
    /// The active ones.
    #[must_use]
    pub fn active() -> Self {
        Self { status: Some(ServiceStatus::Active), ..Self::default() }
    }

    /// With words of this text. A text without a single word worth looking for finds nothing; blank space is no text.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] when it is too long.
    pub fn with_text(self, field: &str, text: Option<&str>) -> Result<Self, RegistryError> {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(self) };
        if text.chars().nth(check::SEARCH_CHARS_MAX).is_some() {
            return Err(RegistryError::invalid(field, format!("must have at most {} characters", check::SEARCH_CHARS_MAX)));
        }
        Ok(Self { terms: Some(terms::of(text)), ..self })
    }

    /// In the category, whose name is not empty.
    #[must_use]
    pub fn with_category(self, category: Option<&str>) -> Self {
        Self { category: category.filter(|category| !category.is_empty()).map(str::to_owned), ..self }
    }

    /// With tags, as a list with commas.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] when there are too many.
    pub fn with_tags(self, tags: Option<&str>) -> Result<Self, RegistryError> {
        let tags: Vec<String> =
            tags.unwrap_or_default().split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(check::fold).collect();
        if tags.len() > check::TAGS_MAX {
            return Err(RegistryError::invalid("tags", format!("must be at most {}", check::TAGS_MAX)));
        }
        Ok(Self { tags, ..self })
    }

    /// Within these prices, as decimal numbers.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] when one is no price.
    pub fn with_prices(self, min: Option<&str>, max: Option<&str>) -> Result<Self, RegistryError> {
        let price_min = min.map(|min| decimal("min_price", min)).transpose()?;
        let price_max = max.map(|max| decimal("max_price", max)).transpose()?;
        Ok(Self { price_min, price_max, ..self })
    }

    /// Paid so.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] when nothing is.
    pub fn with_payment_method(self, word: Option<&str>) -> Result<Self, RegistryError> {
        Ok(Self { payment_method: word.map(payment_method).transpose()?, ..self })
    }

    /// Sorted so; by how well they fit, if there is a text and nothing is said.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] when nothing is sorted so.
    pub fn sorted_by(self, word: Option<&str>) -> Result<Self, RegistryError> {
        let known = |word| {
            ServiceSort::from_word(word)
                .ok_or_else(|| RegistryError::invalid("sort_by", "must be created_at, price, name or relevance"))
        };
        let sort = word.map(known).transpose()?;
        let usual = if self.terms.is_some() { ServiceSort::Relevance } else { ServiceSort::CreatedAt };
        Ok(Self { sort: sort.unwrap_or(usual), ..self })
    }
}

/// Lists services, with how many there are in all.
///
/// # Errors
/// The store's.
pub async fn list_services(
    tx: &mut impl ServiceStore,
    filter: &ServiceFilter,
    page: PageRequest,
) -> Result<Page<Service>, RegistryError> {
    if filter.terms.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Page { items: Vec::new(), total: 0 });
    }
    Ok(tx.list_services(filter, page).await?)
}

/// Reads these services, whatever their status, in no order.
///
/// # Errors
/// The store's.
pub async fn services_by_id(tx: &mut impl ServiceStore, ids: &[ServiceId]) -> Result<Vec<Service>, RegistryError> {
    if ids.is_empty() { Ok(Vec::new()) } else { Ok(tx.list_services_by_id(ids).await?) }
}

/// The categories of active services and how many there are in each, the fullest first. Those in none are
/// `uncategorized`.
///
/// # Errors
/// The store's.
pub async fn categories(tx: &mut impl ServiceStore) -> Result<Vec<(String, i64)>, RegistryError> {
    let named =
        |(category, count): (String, i64)| (if category.is_empty() { "uncategorized".to_owned() } else { category }, count);
    Ok(tx.list_service_categories(CATEGORIES_MAX).await?.into_iter().map(named).collect())
}

/// Active services with words of `like`, the best first: what has most in common with them. None of `like` is among them.
///
/// # Errors
/// The store's.
pub async fn similar_services(
    tx: &mut impl ServiceStore,
    like: &[Service],
    category: Option<&str>,
    limit: u32,
) -> Result<Vec<Service>, RegistryError> {
    let text: String = like.iter().flat_map(|one| one.tags.iter().chain([&one.name])).map(|word| format!("{word} ")).collect();
    let terms = terms::of(&text);
    // In a category everything counts; elsewhere only what has a word in common.
    if terms.is_empty() && category.is_none() {
        return Ok(Vec::new());
    }
    let fetched = limit.saturating_add(u32::try_from(like.len()).unwrap_or(u32::MAX));
    let mut found: Vec<Service> = Vec::new();
    for terms in [(!terms.is_empty()).then_some(terms), None] {
        if terms.is_none() && category.is_none() {
            break;
        }
        let filter = ServiceFilter { terms, sort: ServiceSort::Relevance, ..ServiceFilter::active().with_category(category) };
        for service in tx.list_services(&filter, PageRequest::first(fetched)).await?.items {
            if like.iter().chain(&found).all(|one| one.id != service.id) {
                found.push(service);
            }
        }
    }
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}
