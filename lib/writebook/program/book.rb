# Answers what a book of Writebook holds, changes it as a request says, or hands out its pages and images. It runs in the
# application: `bin/rails runner book.rb FOLDER`, where FOLDER has request.json and the images it names. All content is in those files.
require "base64"
require "digest"
require "fileutils"
require "json"

class Bookops
  # Something that a person has to know; it ends the run.
  Stop = Class.new(StandardError)
  # The leaf is not as the plan saw it; the others go on.
  Changed = Class.new(StandardError)

  PIECE = 48 * 1024

  def initialize(folder)
    @folder = folder
    @request = JSON.parse(File.read(File.join(folder, "request.json"), encoding: "UTF-8"))
    $stdout.sync = true
  end

  # Each line of ours begins with a mark: the application's logger writes to standard output too.
  def say(kind, value)
    $stdout.write("\nbookops-#{kind} #{value.is_a?(String) ? value : JSON.generate(value)}\n")
  end

  def run
    say "answer", case @request.fetch("do")
                  when "state" then state
                  when "export" then export
                  when "apply" then locked { apply }
                  when "teasers" then teasers
                  else raise Stop, "this request is not known"
                  end
  rescue Stop => stop
    say "stop", { message: stop.message }
  end

  private

  # The book that a person named: by number, else by slug or exact title.
  def found_book(name = @request.fetch("book"))
    found = name.match?(/\A[1-9]\d*\z/) ? Book.where(id: name) : Book.where(slug: name).or(Book.where(title: name))
    found = found.order(:id).to_a
    if found.size > 1
      raise Stop, "#{found.size} books are called #{name.inspect}: name one by its number, #{found.map(&:id).join(", ")}"
    end
    found.first
  end

  def about(book)
    { id: book.id, title: book.title, slug: book.slug.presence || "-" }
  end

  def state(texts: [], book: found_book)
    return { book: nil, books: Book.order(:id).limit(50).map { |one| about(one) } } unless book
    record, seal = record_of(book)
    changed = record["files"].values.to_h { |entry| [entry["leaf"], entry] }
    bodies = bodies_of(book)
    leaves = book.leaves.positioned.includes(:leafable).map do |leaf|
      text = bodies[leaf.leafable_id] if leaf.leafable_type == "Page"
      text = leaf.leafable.body.to_s if leaf.leafable_type == "Section"
      told = content(leaf, text.to_s)
      known = changed[leaf.id]
      wanted = texts == :all || known.nil? || known["body"] != told[:body]
      told.merge(id: leaf.id, made: made(leaf), slug: leaf.slug, active: leaf.active?, text: wanted && leaf.active? ? utf8(text.to_s, leaf) : nil)
    end
    { book: about(book), leaves: leaves, uploads: uploads_of(book, bodies.values), record: record, seal: seal }
  end

  def bodies_of(book)
    pages = Leaf.where(book_id: book.id, leafable_type: "Page").select(:leafable_id)
    ActionText::Markdown.where(record_type: "Page", name: "body", record_id: pages).pluck(:record_id, :content).to_h
  end

  # Also what is attached to earlier versions of a page, whose address goes on working, and what belongs to other books.
  def uploads_of(book, bodies)
    leaves = Leaf.where(book_id: book.id)
    now = leaves.where(leafable_type: "Page").select(:leafable_id)
    before = Edit.where(leaf_id: leaves.select(:id), leafable_type: "Page").select(:leafable_id)
    texts = ActionText::Markdown.where(record_type: "Page", record_id: now).or(ActionText::Markdown.where(record_type: "Page", record_id: before))
    own = ActiveStorage::Attachment.where(record_type: "ActionText::Markdown", record_id: texts.select(:id)).where.not(slug: nil)
    found = own.includes(:blob).order(:id).to_a
    others = bodies.flat_map { |text| slugs_in(text) }.uniq - found.map(&:slug)
    others.each_slice(500) { |slugs| found += ActiveStorage::Attachment.where(slug: slugs).includes(:blob).order(:id).to_a }
    found.map { |one| { slug: one.slug, name: one.blob.filename.to_s, md5: one.blob.checksum } }
  end

  def slugs_in(text) = text.to_s.scan(%r{/u/([^\s()<>"'?#\]]+)}).flatten

  # A leaf as it can be compared with a file; `body` is a checksum.
  def content(leaf, text)
    is = leaf.leafable
    {
      kind: leaf.leafable_type,
      title: utf8(leaf.title, leaf),
      body: Digest::SHA256.hexdigest(text),
      theme: (is.theme.presence if leaf.leafable_type == "Section"),
      caption: (is.caption.presence if leaf.leafable_type == "Picture"),
      image: (is.image.blob&.checksum if leaf.leafable_type == "Picture"),
    }
  end

  def content_now(leaf)
    content(leaf, text_of(leaf))
  end

  def text_of(leaf)
    case leaf.leafable_type
    when "Page" then leaf.leafable.body.content.to_s
    when "Section" then leaf.leafable.body.to_s
    else ""
    end
  end

  # The number of a leaf can be given again after a restore; together with this moment it cannot.
  def made(leaf)
    leaf.created_at.utc.strftime("%Y-%m-%dT%H:%M:%S.%6NZ")
  end

  def utf8(text, leaf)
    given = text.dup.force_encoding(Encoding::UTF_8)
    raise Stop, "leaf #{leaf.id} holds bytes that are no UTF-8" unless given.valid_encoding?
    given
  end

  # What imports wrote: a file, and behind it a line for each leaf since. A last line without its end is of a run that was killed.
  def record_of(book)
    base = read(record_file(book))
    lines = read(journal_file(book))
    record = base.empty? ? { "serial" => 0, "files" => {} } : JSON.parse(base)
    lines.lines.each do |line|
      next unless line.end_with?("\n")
      entry = JSON.parse(line)
      record["files"][entry.fetch("path")] = entry.fetch("entry")
    end
    [record, Digest::SHA256.hexdigest("#{base.bytesize} #{base}#{lines}")]
  rescue JSON::ParserError
    raise Stop, "#{record_file(book)} cannot be read: move it away, and pages are found by their titles"
  end

  def read(file)
    File.exist?(file) ? File.read(file, encoding: "UTF-8") : ""
  end

  def record_folder = Rails.root.join("storage", "bookops")
  # An import and teasers have a record each: neither takes the other's pages for its own.
  def record_name(book) = "#{@request["record"] || "book"}-#{book.id}"
  def record_file(book) = record_folder.join("#{record_name(book)}.json")
  def journal_file(book) = record_folder.join("#{record_name(book)}.lines")

  def save(record)
    text = JSON.generate(record)
    File.open("#{record_file(@book)}.new", "w") do |file|
      file.write(text)
      file.fsync
    end
    File.rename("#{record_file(@book)}.new", record_file(@book))
    File.delete(journal_file(@book)) if File.exist?(journal_file(@book))
  end

  def note(path, leaf, told)
    entry = told.merge(leaf: leaf.id, made: made(leaf))
    File.open(journal_file(@book), "a") { |file| file.write("#{JSON.generate({ path: path, entry: entry })}\n") }
    @files[path] = JSON.parse(JSON.generate(entry))
  end

  def locked
    FileUtils.mkdir_p(record_folder)
    File.open(record_folder.join("lock"), File::RDWR | File::CREAT) do |file|
      till = now + @request.fetch("wait").to_f
      until file.flock(File::LOCK_EX | File::LOCK_NB)
        raise Stop, "another import into this application is running" if now > till
        sleep 0.2
      end
      yield
    end
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  # One short transaction. The application waits 100 ms for another's, and looks for its end at least every 25 ms: after each
  # 20 ms of ours there is a pause in which it finds none.
  #
  # The block gives the leaf that it wrote. An error can come after the commit, from what the application does then (its
  # index for searching): the leaf is as it should be, and must not be written again.
  def briefly
    leaf = content = nil
    patiently do
      next reindexed(leaf) if leaf.is_a?(Leaf) && stands?(leaf, content)
      began = now
      result = ActiveRecord::Base.transaction do
        leaf = yield
        content = content_now(leaf) if leaf.is_a?(Leaf)
        leaf
      end
      @held = @held.to_f + now - began
      if @held > 0.02
        sleep 0.027
        @held = 0.0
      end
      result
    end
  end

  def stands?(leaf, content)
    found = Leaf.find_by(id: leaf.id)
    found && made(found) == made(leaf) && content_now(found) == content
  end

  def reindexed(leaf)
    leaf.reload.reindex
    leaf
  end

  # Somebody else may have the lock for longer than the application waits.
  def patiently
    tries = 0
    begin
      yield
    rescue ActiveRecord::StatementInvalid => error
      raise unless error.message.match?(/locked|busy/i) && (tries += 1) < 200
      sleep 0.02 + rand * 0.1
      retry
    end
  end

  def apply
    @images = @request.fetch("images")
    @images.each_value do |image|
      next unless (name = image["file"])
      unless File.file?(file(name)) && Digest::MD5.file(file(name)).base64digest == image.fetch("md5")
        raise Stop, "the bundle arrived without #{image.fetch("name").inspect}, so nothing was written"
      end
    end
    @book = found_book
    raise Stop, "somebody made the book meanwhile: run this again" if @book && @request["make"]
    @book ||= create_book
    record, seal = record_of(@book)
    raise Stop, "another import wrote meanwhile: run this one again" unless [nil, seal].include?(@request["seal"])
    record = { "version" => 1, "book" => @book.id, "serial" => record["serial"] + 1, "files" => @request.fetch("files") }
    save(record)
    @files = record["files"]
    @titles = (@request.fetch("create") + @request.fetch("update")).to_h { |op| [op["path"], op["title"]] }
    @titles.default_proc = proc { |known, path| known[path] = Leaf.find(@files.fetch(path).fetch("leaf")).title }
    @skipped = []
    waiting = @request.fetch("create").reject { |op| create(op) }
    waiting.each { |op| attempt(op) { complete(op) } }
    @request.fetch("update").each { |op| attempt(op) { update(op) } }
    @request.fetch("move").each { |op| move(op) }
    @request.fetch("trash").each { |op| attempt(op) { trash(op) } }
    save(record)
    { book: about(@book), record: record, skipped: @skipped }
  end

  def attempt(op)
    yield
  rescue Changed
    @skipped << op.fetch("path")
  end

  # Without access nobody would see the book: whoever administers the application writes in it.
  def create_book
    raise Stop, "there is no such book" unless (title = @request["make"])
    briefly do
      book = Book.create!(title: title, slug: title.parameterize.presence || "book")
      book.update_access(editors: User.active.where(role: :administrator).ids, readers: [])
      book
    end
  end

  # Returns whether all its links lead somewhere already.
  def create(op)
    blobs = blobs_for(op)
    complete = true
    briefly do
      case op.fetch("kind")
      when "Page"
        page = Page.create!(body: "")
        attach(page, blobs)
        text, complete = resolve(op.fetch("body"))
        page.body = text
        page.save!
        leaf = @book.press(page, title: op.fetch("title"))
      when "Section"
        leaf = @book.press(Section.new(body: op.fetch("body").join, theme: op["theme"]), title: op.fetch("title"))
      when "Picture"
        leaf = @book.press(Picture.new(caption: op["caption"], image: blobs.values.first), title: op.fetch("title"))
      end
      # before the commit: without its leaf this line says nothing, and a leaf without it would be made again
      note(op.fetch("path"), leaf, content_now(leaf))
      leaf
    end
    say "did", { do: "create", path: op["path"] }
    complete
  end

  # Now that every page has its number. No revision: nobody has seen the page as it was.
  def complete(op)
    leaf = leaf_at(op.fetch("path"))
    expect(leaf, @files.fetch(op.fetch("path")))
    briefly do
      leaf.reload
      expect(leaf, @files.fetch(op.fetch("path")))
      leaf.leafable.update!(body: resolve(op.fetch("body")).first)
      leaf
    end
    note(op.fetch("path"), leaf, content_now(leaf.reload))
  end

  def update(op)
    leaf = @book.leaves.find(op.fetch("leaf"))
    blobs = blobs_for(op)
    wrote = false
    briefly do
      leaf.reload
      expect(leaf, op.fetch("expects"))
      leaf.active! if op["restore"] && !leaf.active?
      now = content_now(leaf)
      if op["kind"] == "Page"
        attach(leaf.leafable, blobs)
        text = resolve(op.fetch("body")).first
        change = now[:body] == Digest::SHA256.hexdigest(text) ? {} : { body: text }
      elsif op["kind"] == "Section"
        change = { body: op.fetch("body").join, theme: op["theme"] }
        change = {} if now[:theme] == op["theme"] && text_of(leaf) == change[:body]
      else
        change = { caption: op["caption"] }
        change[:image] = blobs.values.first if blobs.any?
        change = {} if now[:caption] == op["caption"] && blobs.empty?
      end
      wrote = !change.empty? || leaf.title != op["title"]
      leaf.edit(leafable_params: change, leaf_params: { title: op.fetch("title") }) if wrote
      leaf
    end
    say "did", { do: "update", path: op["path"] } if wrote
    note(op.fetch("path"), leaf, content_now(leaf.reload))
  end

  def move(op)
    briefly do
      ids = @book.leaves.active.positioned.pluck(:id)
      id = number(op.fetch("leaf"))
      after = op["after"] && number(op["after"])
      next unless ids.include?(id) && (after.nil? || ids.include?(after))
      at = after ? (ids - [id]).index(after) + 1 : 0
      next if ids.index(id) == at
      @book.leaves.find(id).move_to_position(at)
      say "did", { do: "move", path: op["leaf"] }
    end
  end

  def trash(op)
    briefly do
      leaf = @book.leaves.find(op.fetch("leaf"))
      expect(leaf, op.fetch("expects"))
      leaf.trashed!
      say "did", { do: "trash", path: op["path"] }
    end
    @files.delete(op["path"])
  end

  def expect(leaf, was)
    now = content_now(leaf)
    raise Changed unless now.all? { |key, value| was[key.to_s] == value }
  end

  # A number, or the file of a page that has one by now.
  def number(name) = name.is_a?(String) ? @files.fetch(name).fetch("leaf") : name
  def leaf_at(path) = @book.leaves.find(number(path))
  def file(name) = File.join(@folder, name)

  # The images that this page is the first to need, stored before the transaction.
  def blobs_for(op)
    keys = op.fetch("kind") == "Picture" ? [op["image"]].compact : op.fetch("body").filter_map { |piece| piece["image"] if piece.is_a?(Hash) }
    keys.uniq.reject { |key| @images.fetch(key)["slug"] }.to_h { |key| [key, blob_of(@images.fetch(key))] }
  end

  # A run that was killed may have stored it, and had no page for it yet.
  def blob_of(image)
    old = ActiveStorage::Blob.unattached.find_by(checksum: image.fetch("md5"), filename: image.fetch("name"))
    return old if old && old.service.exist?(old.key)
    File.open(file(image.fetch("file")), "rb") do |io|
      patiently do
        io.rewind
        ActiveStorage::Blob.create_and_upload!(io: io, filename: image.fetch("name"))
      end
    end
  end

  def attach(page, blobs)
    blobs.each do |key, blob|
      page.body.uploads.attach(blob)
      @images.fetch(key)["slug"] = ActiveStorage::Attachment.where(record: page.body, name: "uploads", blob_id: blob.id).order(:id).last.slug
    end
  end

  # The text, and whether all its links lead somewhere; one that does not yet stays as the file has it.
  def resolve(pieces)
    complete = true
    text = pieces.map do |piece|
      next piece if piece.is_a?(String)
      next "/u/#{@images.fetch(piece["image"]).fetch("slug")}#{piece["rest"]}" if piece["image"]
      entry = @files[piece["to"]]
      next piece["as"].tap { complete = false } unless entry
      title = @titles[piece["to"]]
      "/#{@book.id}/#{@book.slug.presence || "-"}/#{entry.fetch("leaf")}/#{title.parameterize.presence || "-"}#{piece["rest"]}"
    end
    [text.join, complete]
  end

  # The chapters that teasers are made of, with the texts of those that are asked for, and the book that teasers go into.
  def teasers
    from = state(texts: :all)
    return from unless from[:book]
    chosen = @request["chapters"]
    from[:leaves].each { |leaf| leaf[:text] = nil unless chosen.nil? || chosen.include?(leaf[:id].to_s) || chosen.include?(leaf[:title]) }
    into = found_book(@request.fetch("into"))
    told = state(book: into)
    { from: from, into: told, published: into ? into.published : false }
  end

  # Pages and the images in them; of images that the asker has (`have`, by checksum) only the name.
  def export
    told = state(texts: :all)
    return told unless told[:book]
    only = @request["only"]
    leaves = told[:leaves].select { |leaf| leaf[:active] && (only.nil? || only.include?(leaf[:id])) }
    slugs = leaves.flat_map { |leaf| slugs_in(leaf[:text]) }.uniq
    found = slugs.filter_map do |slug|
      one = ActiveStorage::Attachment.find_by(slug: slug)
      { slug: slug, leaf: nil, blob: one.blob } if one
    end
    pictures = Leaf.where(id: leaves.map { |leaf| leaf[:id] }, leafable_type: "Picture").includes(:leafable)
    found += pictures.filter_map { |leaf| { slug: nil, leaf: leaf.id, blob: leaf.leafable.image.blob } if leaf.leafable.image.attached? }
    files = found.each_with_index.map do |one, index|
      hand_out(index, one[:blob]) unless @request.fetch("have").include?(one[:blob].checksum)
      { file: index, slug: one[:slug], leaf: one[:leaf], name: one[:blob].filename.to_s, md5: one[:blob].checksum }
    end
    told.merge(files: files)
  end

  def hand_out(index, blob)
    blob.download do |chunk|
      0.step(chunk.bytesize - 1, PIECE) { |at| say "piece", "#{index} #{Base64.strict_encode64(chunk.byteslice(at, PIECE))}" }
    end
  end
end

Bookops.new(ARGV.fetch(0)).run
