namespace KdPlugins.Torch.Weights;

/// <summary>A file that was written completely and is on disk.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Sha256">SHA-256 of the bytes, computed while they were written; 64 lower-case hexadecimal digits.</param>
public sealed record WrittenFile(string Path, long Length, string Sha256);
