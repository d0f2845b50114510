namespace KdPlugins.SelectiveFd

open System
open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// What is done; it says what options are where they are not given.
type Mode =
    /// Selectors of clients and server: the method.
    | Selective = 0

    /// Every client's answer to every proxy counts, without selectors.
    | Indiscriminate = 1

    /// The same after 50 private steps: the published code's FedMD.
    | FedMd = 2

    /// The same by the mean of logits, as FedDF fuses clients; nobody's weights cross.
    | FedDf = 3

    /// Nothing is exchanged.
    | Local = 4

/// How the training data become the clients'.
type Split =
    /// Each class is dealt out in shares drawn from Dirichlet(alpha).
    | Dirichlet = 0

    /// Each client has so many classes.
    | Classes = 1

    /// Client k has the recipe's source "client-k": folders, hospitals, writers.
    | Sources = 2

/// Whose answers count.
type ClientSelector =
    /// A client answers to proxies whose density ratio is above its threshold: the method.
    | DensityRatio = 0

    /// As many proxies as that, drawn: to compare with.
    | Random = 1

    /// All.
    | None = 2

/// What clients say of a proxy.
type Sharing =
    /// softmax(f / T); the ensemble is their mean.
    | Probabilities = 0

    /// f; the ensemble is the softmax of their mean divided by T.
    | Logits = 1

    /// arg max f; the ensemble is the histogram of votes, and what is learnt its largest.
    | Labels = 2

/// What density ratios are estimated on.
type FeatureKind =
    /// The values of images as networks see them.
    | Pixels = 0

    /// The embeddings of the extractor.
    | Embedding = 1

/// How the coefficients of density ratios come about.
type Estimator =
    /// The system of equations is solved.
    | Solve = 0

    /// Its right side is multiplied by its matrix, as in the published code.
    | Released = 1

/// What sigma is given in.
type SigmaUnit =
    /// As it is.
    | Value = 0

    /// Medians of the distances between proxies' features.
    | Median = 1

/// The options of the strategy "selective-fd". Those that are empty are as the mode says.
[<Sealed; AllowNullLiteral>]
type SelectiveFdOptions() =

    /// The role of the first client, and the run's result. The others are the roles client-2, client-3, ...: networks of their own
    /// where the recipe has such models, else ones of the first one's form. Default: student.
    [<Required; MinLength(1)>]
    member val Student = Roles.Student with get, set

    /// selective (the method), indiscriminate, fed-md, fed-df or local. Default: selective.
    member val Mode = Mode.Selective with get, set

    /// K. 2 to 1000; default 10.
    [<Range(2, 1000)>]
    member val Clients = 10 with get, set

    /// dirichlet, classes or sources. Default: dirichlet.
    member val Split = Split.Dirichlet with get, set

    /// Of the Dirichlet distribution: small for clients that have nearly one class, large for nearly equal ones. 0.001 to 1,000,000;
    /// default 0.3.
    [<Range(0.001, 1_000_000.0)>]
    member val Alpha = 0.3 with get, set

    /// Of the split by classes. 1 to 10,000; default 2.
    [<Range(1, 10_000)>]
    member val ClassesPerClient = 2 with get, set

    /// The source of proxies, whose targets nobody learns from. Default: proxy.
    [<Required; MinLength(1)>]
    member val ProxySource = "proxy" with get, set

    /// So many of the training samples are the source of proxies, and no client's. 0 to 10,000,000; default 0: the recipe has that
    /// source.
    [<Range(0, 10_000_000)>]
    member val ProxySamples = 0 with get, set

    /// density-ratio, random or none. Default empty: density-ratio in the mode selective, none in others.
    member val ClientSelector = Nullable<ClientSelector>() with get, set

    /// tau_server as a share of the largest entropy, log C: proxies whose ensemble is vaguer are left out of a round. The paper's
    /// value is unconfirmed, the published code has no such selector. Above 0 to 1 (all are kept); default empty: 0.75 in the
    /// mode selective, 1 in others.
    [<Range(0.0, 1.0, MinimumIsExclusive = true)>]
    member val MaxEntropy = Nullable<double>() with get, set

    /// probabilities, logits or labels. Default empty: logits in the mode fed-df, probabilities in others.
    member val Sharing = Nullable<Sharing>() with get, set

    /// T. 0.01 to 100; default 1.
    [<Range(0.01, 100.0)>]
    member val Temperature = 1.0 with get, set

    /// Private steps before the first round. 0 to 1,000,000; default empty: 50 in the mode fed-md, 0 in others.
    [<Range(0, 1_000_000)>]
    member val WarmUpSteps = Nullable<int>() with get, set

    /// Rounds of an epoch of the recipe, after which clients are evaluated. 1 to 1,000,000; default 20.
    [<Range(1, 1_000_000)>]
    member val RoundsPerEpoch = 20 with get, set

    /// Steps of a round on a client's own data, one batch each. 1 to 10,000; default 1.
    [<Range(1, 10_000)>]
    member val PrivateSteps = 1 with get, set

    /// Steps of a round on what the ensemble says of the round's proxies. 1 to 10,000; default 10.
    [<Range(1, 10_000)>]
    member val DistillSteps = 10 with get, set

    /// Proxies that the server draws for a round, of those that some client accepts. 1 to 1,000,000; default 512.
    [<Range(1, 1_000_000)>]
    member val ProxyBatch = 512 with get, set

    /// pixels or embedding. Default: pixels.
    member val Features = FeatureKind.Pixels with get, set

    /// The role whose embeddings are the features; no client, its weights do not change. Default: extractor.
    [<Required; MinLength(1)>]
    member val Extractor = "extractor" with get, set

    /// Principal components of the proxies' features that are taken in place of the features. 0 (the features themselves) to
    /// 100,000; default 0.
    [<Range(0, 100_000)>]
    member val Components = 0 with get, set

    /// n: auxiliary samples of a client, drawn uniformly from the box that features lie in. 1 to 100,000; default 250.
    [<Range(1, 100_000)>]
    member val Auxiliary = 250 with get, set

    /// The share of a client's data that its density is estimated from, at least one sample; the others say its threshold. Above 0
    /// to 0.95; default 0.05.
    [<Range(0.0, 0.95, MinimumIsExclusive = true)>]
    member val KnownShare = 0.05 with get, set

    /// sigma of the Gaussian kernel. Above 0 to 1,000,000; default 5.
    [<Range(0.0, 1_000_000.0, MinimumIsExclusive = true)>]
    member val Sigma = 5.0 with get, set

    /// value or median. Default: value.
    member val SigmaUnit = SigmaUnit.Value with get, set

    /// lambda, of the norm. Above 0 to 1,000,000; default empty: n^(-1/2).
    [<Range(0.0, 1_000_000.0, MinimumIsExclusive = true)>]
    member val Lambda = Nullable<double>() with get, set

    /// The share of a client's own other samples that it would reject: its threshold is this quantile of their ratios. 0 to 0.99;
    /// default 0.25.
    [<Range(0.0, 0.99)>]
    member val Quantile = 0.25 with get, set

    /// solve (the equation), or released: as the published code, which multiplies by the matrix where the equation has its
    /// inverse. Default: solve.
    member val Estimator = Estimator.Solve with get, set
