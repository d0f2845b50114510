namespace KdPlugins.Torch;

/// <summary>
/// The failures of reading and writing weight files (KDP05xx): 050x any file, 051x safetensors, 052x sharded index,
/// 053x zip container, 054x pickle, 055x loading into a module, 056x writing.
/// </summary>
public static class WeightErrors
{
    private const string Damaged = "The file is damaged or was made to do harm: fetch or write it again.";

    private const string Save = "\n  torch.save(model.state_dict(), \"weights.pth\")\nThen name weights.pth here.";

    // Two lines that run what the file says: not without a word about trust.
    private const string Convert =
        "Save the weights alone where the file was made. If you trust it (Python runs what is in it), of a checkpoint with its model's part:"
        + "\n  model = torch.load(\"FILE\", map_location=\"cpu\", weights_only=False)"
        + Save;

    /// <summary>What to do with a TorchScript program.</summary>
    internal const string ConvertScript =
        "Save the weights alone, if you trust the file:\n  model = torch.jit.load(\"FILE\", map_location=\"cpu\")"
        + Save;

    /// <summary>A weight file cannot be opened.</summary>
    public static readonly ErrorCode FileUnreadable = new(
        "KDP0500",
        "a weight file cannot be opened",
        "Check the path and the permissions."
    );

    /// <summary>The content is none of the known formats.</summary>
    public static readonly ErrorCode UnknownFormat = new(
        "KDP0501",
        "the format of a weight file is not known",
        "Give a .safetensors file, a model.safetensors.index.json, or a PyTorch state dict (.pth, .pt, .bin)."
    );

    /// <summary>A tensor was asked for that the file does not hold.</summary>
    public static readonly ErrorCode TensorNotFound = new(
        "KDP0502",
        "a weight file has no tensor of that name",
        "List the names of the file, and check prefixes such as 'module.'."
    );

    /// <summary>A tensor is larger than one span can be.</summary>
    public static readonly ErrorCode TensorTooLarge = new(
        "KDP0503",
        "a tensor is too large for one span",
        "Copy it in pieces with CopyTo(name, start, destination)."
    );

    /// <summary>The file became shorter while it was open.</summary>
    public static readonly ErrorCode FileChanged = new(
        "KDP0504",
        "a weight file was cut while it was open",
        "Do not change weight files in place: write a new file and rename it over the old one."
    );

    /// <summary>The file is shorter than a safetensors header, or than its header says.</summary>
    public static readonly ErrorCode HeaderTruncated = new("KDP0510", "a safetensors header is cut", Damaged);

    /// <summary>The header is longer than the format allows.</summary>
    public static readonly ErrorCode HeaderTooLarge = new("KDP0511", "a safetensors header is too large", Damaged);

    /// <summary>The header is not the JSON that the format asks for.</summary>
    public static readonly ErrorCode HeaderInvalid = new("KDP0512", "a safetensors header is not valid", Damaged);

    /// <summary>A name occurs twice in the header.</summary>
    public static readonly ErrorCode DuplicateKey = new("KDP0513", "a key occurs twice in a JSON object", Damaged);

    /// <summary>The metadata is not a map from strings to strings.</summary>
    public static readonly ErrorCode MetadataInvalid = new(
        "KDP0514",
        "safetensors metadata may map only strings to strings",
        "Write the values as strings."
    );

    /// <summary>The dtype is none that the format knows.</summary>
    public static readonly ErrorCode UnknownDType = new(
        "KDP0515",
        "a safetensors dtype is not known",
        "Convert the tensor to one of the dtypes of the format."
    );

    /// <summary>The byte ranges leave gaps, overlap, or do not start at 0.</summary>
    public static readonly ErrorCode OffsetsInvalid = new("KDP0516", "safetensors offsets are not contiguous", Damaged);

    /// <summary>A byte range does not fit shape and dtype.</summary>
    public static readonly ErrorCode SizeMismatch = new(
        "KDP0517",
        "the bytes of a tensor do not fit its shape and dtype",
        Damaged
    );

    /// <summary>The tensors do not end at the last byte of the file.</summary>
    public static readonly ErrorCode LengthMismatch = new(
        "KDP0518",
        "a safetensors file is longer or shorter than its tensors",
        Damaged
    );

    /// <summary>The index is not the JSON that the format asks for.</summary>
    public static readonly ErrorCode IndexInvalid = new(
        "KDP0520",
        "an index of sharded weights is not valid",
        "Write the index again, or give the shard files one by one."
    );

    /// <summary>The index names a file outside its own folder.</summary>
    public static readonly ErrorCode IndexOutsideFolder = new(
        "KDP0521",
        "an index of sharded weights points outside its folder",
        "Shards must lie beside the index and be named by plain file names."
    );

    /// <summary>A shard named by the index is not there.</summary>
    public static readonly ErrorCode ShardMissing = new(
        "KDP0522",
        "a shard is missing",
        "Fetch the missing shard, or write the model again."
    );

    /// <summary>Index and shards disagree about which tensors there are.</summary>
    public static readonly ErrorCode ShardMismatch = new(
        "KDP0523",
        "an index and its shards disagree",
        "Index and shards come from different saves: fetch all files again."
    );

    /// <summary>The zip structure is broken or contradicts itself.</summary>
    public static readonly ErrorCode ZipInvalid = new("KDP0530", "a zip container is not valid", Damaged);

    /// <summary>An entry name could leave the folder.</summary>
    public static readonly ErrorCode ZipUnsafePath = new("KDP0531", "a zip entry has an unsafe name", Damaged);

    /// <summary>Two entries have one name.</summary>
    public static readonly ErrorCode ZipDuplicate = new("KDP0532", "a zip entry occurs twice", Damaged);

    /// <summary>The content would grow far beyond the file.</summary>
    public static readonly ErrorCode ZipTooLarge = new(
        "KDP0533",
        "a zip container inflates beyond the limits",
        "Store the entries without compression, as torch.save does."
    );

    /// <summary>The zip uses a feature that torch.save never uses.</summary>
    public static readonly ErrorCode ZipUnsupported = new(
        "KDP0534",
        "a zip feature is not supported",
        "Store the entries without encryption and without splitting, as torch.save does."
    );

    /// <summary>The checksum of an entry does not fit its bytes.</summary>
    public static readonly ErrorCode ChecksumMismatch = new(
        "KDP0535",
        "the checksum of a zip entry does not fit",
        "The file is damaged: fetch it again. If it was written without checksums, set VerifyChecksums to false."
    );

    /// <summary>The file holds something else than tensors under names.</summary>
    public static readonly ErrorCode NotAStateDict = new("KDP0536", "a PyTorch file holds no state dict", Convert);

    /// <summary>The file was written for another byte order.</summary>
    public static readonly ErrorCode ByteOrder = new(
        "KDP0537",
        "a PyTorch file is not little-endian",
        "Save it on a little-endian machine, or convert it to safetensors."
    );

    /// <summary>The pickle is cut or contradicts itself.</summary>
    public static readonly ErrorCode PickleInvalid = new("KDP0540", "a pickle is not valid", Damaged);

    /// <summary>The pickle asks for an operation that tensors do not need.</summary>
    public static readonly ErrorCode PickleOpcode = new("KDP0541", "a pickle operation is refused", Convert);

    /// <summary>The pickle names a class or function that is not on the allow-list.</summary>
    public static readonly ErrorCode PickleGlobal = new("KDP0542", "a class or function is refused", Convert);

    /// <summary>The pickle is deeper, longer or more repetitive than any honest one.</summary>
    public static readonly ErrorCode PickleLimit = new("KDP0543", "a pickle exceeds the limits", Convert);

    /// <summary>A storage is missing, of another size, or referred to in an unknown way.</summary>
    public static readonly ErrorCode StorageInvalid = new("KDP0544", "a tensor storage is not valid", Damaged);

    /// <summary>A tensor reaches outside its storage.</summary>
    public static readonly ErrorCode TensorOutsideStorage = new(
        "KDP0545",
        "a tensor reaches outside its storage",
        Damaged
    );

    /// <summary>The asked-for part of the checkpoint is not there.</summary>
    public static readonly ErrorCode RootNotFound = new(
        "KDP0546",
        "a checkpoint has no such part",
        "Name one of the parts listed above as the root, or leave the root out."
    );

    /// <summary>The PyTorch file is older than both formats that are read.</summary>
    public static readonly ErrorCode LegacyFormat = new("KDP0547", "a PyTorch format is too old", Convert);

    /// <summary>The names, shapes or dtypes of file and module differ.</summary>
    public static readonly ErrorCode LoadMismatch = new(
        "KDP0550",
        "a weight file does not fit a module",
        "Give the file of this architecture, or say how it is to be read: \"weights\": { \"path\": ..., \"prefix\", \"rename\", \"strict\": false, \"head\": \"replace\" }."
    );

    /// <summary>TorchSharp has no such dtype.</summary>
    public static readonly ErrorCode DTypeUnsupported = new(
        "KDP0551",
        "a dtype cannot become a tensor here",
        "Convert the tensor to F32, F16 or BF16, or read its raw bytes."
    );

    /// <summary>Two names of the file became one under the mapping.</summary>
    public static readonly ErrorCode NameCollision = new(
        "KDP0552",
        "two names of a weight file become one",
        "Make the name mapping more specific."
    );

    /// <summary>A rule of the mapping cannot be used.</summary>
    public static readonly ErrorCode NameRuleInvalid = new(
        "KDP0553",
        "a rule for names cannot be used",
        "Correct or simplify the rule."
    );

    /// <summary>The check for NaN and infinity, asked for by the caller, found some.</summary>
    public static readonly ErrorCode NonFinite = new(
        "KDP0554",
        "a weight file holds NaN or infinity",
        "The training that wrote it diverged: take an earlier checkpoint."
    );

    /// <summary>A boolean tensor holds other bytes than 0 and 1.</summary>
    public static readonly ErrorCode BoolInvalid = new("KDP0555", "a boolean tensor holds other values", Damaged);

    /// <summary>Writing failed; what was there before is untouched.</summary>
    public static readonly ErrorCode WriteFailed = new(
        "KDP0560",
        "a file cannot be written",
        "Check the folder, the permissions and the free space. What was there before is untouched."
    );

    /// <summary>The tensors or the metadata cannot be put into the format.</summary>
    public static readonly ErrorCode WriteInvalid = new(
        "KDP0561",
        "tensors cannot be written as asked",
        "Correct the names, dtypes or metadata."
    );

    /// <summary>Every entry of this catalogue.</summary>
    public static IReadOnlyList<ErrorCode> All { get; } = ErrorCode.In(typeof(WeightErrors));
}
